#pragma once
#include <stdint.h>

#include "kernels_isa.h"

// Guided upsampling of a small map by the brightness of the full picture, after He and Sun, "Fast Guided Filter" (2015):
// around each small pixel depth = a * brightness + b; a and b are enlarged, then applied at full size.

/// Rows of small planes at one height, padded as for `expand`.
typedef struct fathom_upsample_rows {
    const float *slope, *offset, *least, *greatest;
} fathom_upsample_rows;

typedef struct fathom_upsample_kernels {
    /// Sums down the columns of one padded row: out[x] = sum of `count` values of column x; rows[k] has `width` values.
    void (*column_sums)(float *out, const float *const *rows, long count, long width);
    /// Sums down the columns of brightness, depth, their squares (third and fifth) and their product (fourth).
    void (*column_moments)(float *const *sums, const float *const *brightness, const float *const *depth, long count,
                           long width);
    /// out[x] = scale * sum of padded[x ... x + 2 radius].
    void (*box)(float *out, const float *padded, long radius, float scale, long width);
    /// a = covariance / (variance + epsilon) * relief / (relief + plain * depth^2), b = mean depth - a * mean brightness;
    /// relief is the variance of the depth: on smooth slopes brightness has little say.
    void (*fit)(float *a, float *b, const float *mean_brightness, const float *mean_depth, const float *mean_squares,
                const float *mean_products, const float *mean_depth_squares, float epsilon, float plain, long width);
    /// Least and greatest of `count` rows down the columns.
    void (*column_bounds)(float *least, float *greatest, const float *const *rows, long count, long width);
    /// Least and greatest of padded[x ... x + 2 radius].
    void (*box_bounds)(float *least, float *greatest, const float *padded_least, const float *padded_greatest,
                       long radius, long width);
    /// out = above + (below - above) * share.
    void (*between)(float *out, const float *above, const float *below, float share, long width);
    /// out[x] = row[first[x]] + (row[first[x] + 1] - row[first[x]]) * share[x]. Reads up to 17 values from first[x] on:
    /// rows are padded by 16. `enlarging`: first rises by at most 1 from x to x + 1.
    void (*expand)(float *out, const float *row, const int32_t *first, const float *share, int enlarging, long count);
    /// out = slope * brightness + offset, kept between least and greatest, each of the four expanded as by `expand`.
    void (*guided)(float *out, const fathom_upsample_rows *rows, const int32_t *first, const float *share, int enlarging,
                   const float *brightness, long count);
} fathom_upsample_kernels;

/// The kernels of the instruction set in use.
const fathom_upsample_kernels *fathom_upsample(void);
/// The kernels of one instruction set, for tests; the machine must have it.
const fathom_upsample_kernels *fathom_upsample_of(fathom_isa isa);
