// The body of the upsample family, included once for each instruction set with KERNEL(name) defined, and with
// EXPAND_LANES, EXPAND and their like where the set can shuffle a vector by indices.
#include "row_vector.h"
#include "upsample.h"

static void KERNEL(column_sums)(float *out, const float *const *rows, long count, long width) {
    long x = 0;
    for (; x + LANES <= width; x += LANES) {
        lanes_f32 sum = LOAD_F32(rows[0] + x);
        for (long k = 1; k < count; k++) sum += LOAD_F32(rows[k] + x);
        STORE_F32(out + x, sum);
    }
    for (; x < width; x++) {
        float sum = rows[0][x];
        for (long k = 1; k < count; k++) sum += rows[k][x];
        out[x] = sum;
    }
}

static void KERNEL(column_moments)(float *const *sums, const float *const *brightness, const float *const *depth,
                                   long count, long width) {
    long x = 0;
    for (; x + LANES <= width; x += LANES) {
        lanes_f32 light = {0}, deep = {0}, squares = {0}, products = {0}, depth_squares = {0};
        for (long k = 0; k < count; k++) {
            lanes_f32 i = LOAD_F32(brightness[k] + x), d = LOAD_F32(depth[k] + x);
            light += i;
            deep += d;
            squares += i * i;
            products += i * d;
            depth_squares += d * d;
        }
        STORE_F32(sums[0] + x, light);
        STORE_F32(sums[1] + x, deep);
        STORE_F32(sums[2] + x, squares);
        STORE_F32(sums[3] + x, products);
        STORE_F32(sums[4] + x, depth_squares);
    }
    for (; x < width; x++) {
        float light = 0, deep = 0, squares = 0, products = 0, depth_squares = 0;
        for (long k = 0; k < count; k++) {
            float i = brightness[k][x], d = depth[k][x];
            light += i;
            deep += d;
            squares += i * i;
            products += i * d;
            depth_squares += d * d;
        }
        sums[0][x] = light;
        sums[1][x] = deep;
        sums[2][x] = squares;
        sums[3][x] = products;
        sums[4][x] = depth_squares;
    }
}

static void KERNEL(box)(float *out, const float *padded, long radius, float scale, long width) {
    long x = 0;
    for (; x + LANES <= width; x += LANES) {
        lanes_f32 sum = LOAD_F32(padded + x);
        for (long k = 1; k <= 2 * radius; k++) sum += LOAD_F32(padded + x + k);
        STORE_F32(out + x, sum * scale);
    }
    for (; x < width; x++) {
        float sum = padded[x];
        for (long k = 1; k <= 2 * radius; k++) sum += padded[x + k];
        out[x] = sum * scale;
    }
}

static void KERNEL(fit)(float *restrict a, float *restrict b, const float *restrict mean_brightness,
                        const float *restrict mean_depth, const float *restrict mean_squares,
                        const float *restrict mean_products, const float *restrict mean_depth_squares, float epsilon,
                        float plain, long width) {
    for (long x = 0; x < width; x++) {
        float brightness = mean_brightness[x], depth = mean_depth[x];
        float variance = mean_squares[x] - brightness * brightness;
        variance = variance > 0 ? variance : 0;
        float relief = mean_depth_squares[x] - depth * depth;
        relief = relief > 0 ? relief : 0;
        float slope = (mean_products[x] - brightness * depth) / (variance + epsilon) * (relief / (relief + plain * depth * depth + 1e-20f));
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
        for (; x + EXPAND_LANES <= count; x += EXPAND_LANES) {
            PLACES(first + x);
            EXPAND_STORE(out + x, EXPAND(row + base, EXPAND_LOAD(share + x)));
        }
#else
    (void)enlarging;
#endif
    for (; x < count; x++) {
        float left = row[first[x]];
        out[x] = left + (row[first[x] + 1] - left) * share[x];
    }
}

static void KERNEL(guided)(float *restrict out, const fathom_upsample_rows *rows, const int32_t *restrict first,
                           const float *restrict share, int enlarging, const float *restrict brightness, long count) {
    const float *slope = rows->slope, *offset = rows->offset, *least = rows->least, *greatest = rows->greatest;
    long x = 0;
#ifdef EXPAND_LANES
    if (enlarging)
        for (; x + EXPAND_LANES <= count; x += EXPAND_LANES) {
            PLACES(first + x);
            EXPAND_VECTOR part = EXPAND_LOAD(share + x);
            EXPAND_VECTOR value = EXPAND(slope + base, part) * EXPAND_LOAD(brightness + x) + EXPAND(offset + base, part);
            EXPAND_STORE(out + x, EXPAND_MIN(EXPAND_MAX(value, EXPAND(least + base, part)), EXPAND(greatest + base, part)));
        }
#else
    (void)enlarging;
#endif
    for (; x < count; x++) {
        int at = first[x];
        float part = share[x];
        float low = least[at] + (least[at + 1] - least[at]) * part;
        float high = greatest[at] + (greatest[at + 1] - greatest[at]) * part;
        float value = (slope[at] + (slope[at + 1] - slope[at]) * part) * brightness[x] + offset[at] +
                      (offset[at + 1] - offset[at]) * part;
        value = value > low ? value : low;
        out[x] = value < high ? value : high;
    }
}

const fathom_upsample_kernels KERNEL(fathom_upsample) = {
    .column_sums = KERNEL(column_sums),
    .column_moments = KERNEL(column_moments),
    .box = KERNEL(box),
    .fit = KERNEL(fit),
    .column_bounds = KERNEL(column_bounds),
    .box_bounds = KERNEL(box_bounds),
    .between = KERNEL(between),
    .expand = KERNEL(expand),
    .guided = KERNEL(guided),
};
