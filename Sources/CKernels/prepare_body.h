// The body of the prepare family, included once for each instruction set with KERNEL(name) defined.
#include "prepare.h"
#include "row_vector.h"

#define COLUMNS(name, sample, LOAD)                                                                               \
    static void KERNEL(name)(float *out, const sample *const *rows, const float *weights, long taps, long count) { \
        long x = 0;                                                                                               \
        for (; x + 4 * LANES <= count; x += 4 * LANES) {                                                          \
            lanes_f32 a = {0}, b = {0}, c = {0}, d = {0};                                                         \
            for (long k = 0; k < taps; k++) {                                                                     \
                const sample *row = rows[k] + x;                                                                  \
                float w = weights[k];                                                                             \
                a += LOAD(row) * w;                                                                               \
                b += LOAD(row + LANES) * w;                                                                       \
                c += LOAD(row + 2 * LANES) * w;                                                                   \
                d += LOAD(row + 3 * LANES) * w;                                                                   \
            }                                                                                                     \
            STORE_F32(out + x, a);                                                                                \
            STORE_F32(out + x + LANES, b);                                                                        \
            STORE_F32(out + x + 2 * LANES, c);                                                                    \
            STORE_F32(out + x + 3 * LANES, d);                                                                    \
        }                                                                                                         \
        for (; x < count; x++) {                                                                                  \
            float sum = 0;                                                                                        \
            for (long k = 0; k < taps; k++) sum += (float)rows[k][x] * weights[k];                                \
            out[x] = sum;                                                                                         \
        }                                                                                                         \
    }

COLUMNS(columns8, uint8_t, LOAD_U8)
COLUMNS(columns16, uint16_t, LOAD_U16)

static void KERNEL(along)(float *restrict out, const float *restrict row, const int32_t *restrict first,
                          const float *restrict weights, long taps, long count) {
    for (long x = 0; x < count; x++) out[x] = weights[x] * row[first[x]];
    for (long k = 1; k < taps; k++) {
        const float *w = weights + k * count;
        for (long x = 0; x < count; x++) out[x] += w[x] * row[first[x] + k];
    }
}

static inline float KERNEL(unit)(float value) {
    value = value > 0 ? value : 0;
    return value < 1 ? value : 1;
}

static void KERNEL(colour)(float *restrict red, float *restrict green, float *restrict blue, float *restrict brightness,
                           const float *restrict y, const float *restrict u, const float *restrict v,
                           const fathom_prepare_colour *how, long count) {
    fathom_prepare_colour h = *how;
    for (long x = 0; x < count; x++) {
        float luma = (y[x] - h.luma_offset) * h.luma_scale;
        float cb = (u[x] - h.chroma_offset) * h.chroma_scale;
        float cr = (v[x] - h.chroma_offset) * h.chroma_scale;
        brightness[x] = KERNEL(unit)(luma);
        red[x] = (KERNEL(unit)(luma + h.red_v * cr) - h.mean[0]) * h.inverse_deviation[0];
        green[x] = (KERNEL(unit)(luma + h.green_u * cb + h.green_v * cr) - h.mean[1]) * h.inverse_deviation[1];
        blue[x] = (KERNEL(unit)(luma + h.blue_u * cb) - h.mean[2]) * h.inverse_deviation[2];
    }
}

const fathom_prepare_kernels KERNEL(fathom_prepare) = {
    .columns8 = KERNEL(columns8),
    .columns16 = KERNEL(columns16),
    .along = KERNEL(along),
    .colour = KERNEL(colour),
};
