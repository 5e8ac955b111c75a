// The body of the upsample family, included once for each instruction set with KERNEL(name) defined, and with
// EXPAND_LANES and its loop where the set can shuffle a vector by indices.
#include "upsample.h"

static void KERNEL(column_sums)(float *restrict out, const float *const *rows, long count, long width) {
    for (long x = 0; x < width; x++) out[x] = rows[0][x];
    for (long k = 1; k < count; k++) {
        const float *row = rows[k];
        for (long x = 0; x < width; x++) out[x] += row[x];
    }
}

static void KERNEL(column_products)(float *restrict out, const float *const *rows, const float *const *others,
                                    long count, long width) {
    for (long x = 0; x < width; x++) out[x] = rows[0][x] * others[0][x];
    for (long k = 1; k < count; k++) {
        const float *row = rows[k], *other = others[k];
        for (long x = 0; x < width; x++) out[x] += row[x] * other[x];
    }
}

static void KERNEL(box)(float *restrict out, const float *restrict padded, long radius, float scale, long width) {
    for (long x = 0; x < width; x++) out[x] = padded[x];
    for (long k = 1; k <= 2 * radius; k++)
        for (long x = 0; x < width; x++) out[x] += padded[x + k];
    for (long x = 0; x < width; x++) out[x] *= scale;
}

static void KERNEL(fit)(float *restrict a, float *restrict b, const float *restrict mean_brightness,
                        const float *restrict mean_depth, const float *restrict mean_squares,
                        const float *restrict mean_products, float epsilon, long width) {
    for (long x = 0; x < width; x++) {
        float brightness = mean_brightness[x], depth = mean_depth[x];
        float variance = mean_squares[x] - brightness * brightness;
        variance = variance > 0 ? variance : 0;
        float slope = (mean_products[x] - brightness * depth) / (variance + epsilon);
        a[x] = slope;
        b[x] = depth - slope * brightness;
    }
}

static void KERNEL(column_bounds)(float *restrict least, float *restrict greatest, const float *const *rows, long count,
                                  long width) {
    for (long x = 0; x < width; x++) least[x] = greatest[x] = rows[0][x];
    for (long k = 1; k < count; k++) {
        const float *row = rows[k];
        for (long x = 0; x < width; x++) {
            least[x] = row[x] < least[x] ? row[x] : least[x];
            greatest[x] = row[x] > greatest[x] ? row[x] : greatest[x];
        }
    }
}

static void KERNEL(box_bounds)(float *restrict least, float *restrict greatest, const float *restrict padded_least,
                               const float *restrict padded_greatest, long radius, long width) {
    for (long x = 0; x < width; x++) {
        least[x] = padded_least[x];
        greatest[x] = padded_greatest[x];
    }
    for (long k = 1; k <= 2 * radius; k++)
        for (long x = 0; x < width; x++) {
            float low = padded_least[x + k], high = padded_greatest[x + k];
            least[x] = low < least[x] ? low : least[x];
            greatest[x] = high > greatest[x] ? high : greatest[x];
        }
}

static void KERNEL(between)(float *restrict out, const float *restrict above, const float *restrict below, float share,
                            long width) {
    for (long x = 0; x < width; x++) out[x] = above[x] + (below[x] - above[x]) * share;
}

static void KERNEL(expand)(float *restrict out, const float *restrict row, const int32_t *restrict first,
                           const float *restrict share, int enlarging, long count) {
    long x = 0;
#ifdef EXPAND_LANES
    if (enlarging)
        for (; x + EXPAND_LANES <= count; x += EXPAND_LANES) EXPAND(out + x, row, first + x, share + x);
#else
    (void)enlarging;
#endif
    for (; x < count; x++) {
        float left = row[first[x]];
        out[x] = left + (row[first[x] + 1] - left) * share[x];
    }
}

static void KERNEL(apply)(float *out, const float *a, const float *b, const float *brightness, const float *least,
                          const float *greatest, long count) {
#pragma clang loop vectorize(assume_safety)
    for (long x = 0; x < count; x++) {
        float value = a[x] * brightness[x] + b[x];
        value = value > least[x] ? value : least[x];
        out[x] = value < greatest[x] ? value : greatest[x];
    }
}

const fathom_upsample_kernels KERNEL(fathom_upsample) = {
    .column_sums = KERNEL(column_sums),
    .column_products = KERNEL(column_products),
    .box = KERNEL(box),
    .fit = KERNEL(fit),
    .column_bounds = KERNEL(column_bounds),
    .box_bounds = KERNEL(box_bounds),
    .between = KERNEL(between),
    .expand = KERNEL(expand),
    .apply = KERNEL(apply),
};
