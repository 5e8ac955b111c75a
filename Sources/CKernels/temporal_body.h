// The body of the temporal family, included once for each instruction set with KERNEL(name) defined.
#include "temporal.h"

static void KERNEL(halve)(uint8_t *restrict out, const float *restrict above, const float *restrict below, long count) {
    for (long x = 0; x < count; x++) {
        float sum = above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1];
        out[x] = (uint8_t)(sum * 63.75f + 0.5f);
    }
}

static void KERNEL(differences)(uint16_t *restrict sums, const uint8_t *restrict block, long stride,
                                const uint8_t *restrict candidates, long candidate_stride, long count) {
    for (long s = 0; s < count; s++) {
        int sum = 0;
        for (long y = 0; y < 8; y++)
            for (long x = 0; x < 8; x++) {
                int difference = block[y * stride + x] - candidates[y * candidate_stride + s + x];
                sum += difference < 0 ? -difference : difference;
            }
        sums[s] = (uint16_t)sum;
    }
}

static void KERNEL(carry)(float *restrict out_depth, float *restrict out_brightness, const float *restrict depth,
                          const float *restrict brightness, long width, long height, long y, const float *restrict dx,
                          const float *restrict dy) {
    float right = (float)(width - 1), bottom = (float)(height - 1);
    for (long x = 0; x < width; x++) {
        float across = (float)x + dx[x], down = (float)y + dy[x];
        across = across > 0 ? across : 0;
        across = across < right ? across : right;
        down = down > 0 ? down : 0;
        down = down < bottom ? down : bottom;
        int left = (int)across, top = (int)down;
        float share_x = across - (float)left, share_y = down - (float)top;
        int step = left + 1 < width, next = top + 1 < height ? (int)width : 0;
        int at = top * (int)width + left;
        float above = depth[at] + (depth[at + step] - depth[at]) * share_x;
        float below = depth[at + next] + (depth[at + next + step] - depth[at + next]) * share_x;
        out_depth[x] = above + (below - above) * share_y;
        above = brightness[at] + (brightness[at + step] - brightness[at]) * share_x;
        below = brightness[at + next] + (brightness[at + next + step] - brightness[at + next]) * share_x;
        out_brightness[x] = above + (below - above) * share_y;
    }
}

static void KERNEL(mix)(float *out, const float *depth, const float *carried, const float *change,
                        const fathom_temporal_weights *how, float depth_range,
                        long count) {
    float keep = how->keep, scale = how->carried_scale;
    float by_brightness = 1 / (how->brightness_scale * how->brightness_scale);
    float by_depth = 1 / (how->depth_scale * how->depth_scale * depth_range * depth_range);
#pragma clang loop vectorize(assume_safety)
    for (long x = 0; x < count; x++) {
        float step = carried[x] * scale - depth[x];
        float moved = change[x] * change[x] * by_brightness + step * step * by_depth;
        out[x] = depth[x] + step * keep / (1 + moved);
    }
}

const fathom_temporal_kernels KERNEL(fathom_temporal) = {
    .halve = KERNEL(halve),
    .differences = KERNEL(differences),
    .carry = KERNEL(carry),
    .mix = KERNEL(mix),
};
