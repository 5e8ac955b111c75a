// Kernels on plain rows of numbers: movements, sums, norms, softmax, pooling. The caller has checked every size; nothing
// here allocates or fails.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernels_isa.h"

/// What many numbers become one by.
typedef enum fathom_reduction {
    FATHOM_SUM,
    FATHOM_SUM_OF_SQUARES,
    FATHOM_SUM_OF_MAGNITUDES,
    FATHOM_GREATEST,
    FATHOM_LEAST,
    FATHOM_PRODUCT,
} fathom_reduction;

/// How numbers are brought to a common mean and size.
typedef struct fathom_norm {
    float epsilon;
    int32_t keeps_mean;   // only the size is normalised (RMS)
    const float *scale;   // or NULL
    const float *shift;   // or NULL
    size_t period;        // numbers that share one scale and shift: 1, or the length of a channel
} fathom_norm;

/// A pooling of one picture whose pixels are `lanes` numbers side by side (8 or 1).
typedef struct fathom_pool {
    const float *input;
    float *output;
    int32_t input_height, input_width, output_height, output_width;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t pad_bottom, pad_right;  // bound what counts when `counts_padding`
    int32_t lanes;
    int32_t averages;               // else the greatest is taken
    int32_t counts_padding;
} fathom_pool;

/// The kernels at one instruction set.
typedef struct fathom_tensor_kernels {
    /// output[c][r] = input[r][c].
    void (*transpose)(const float *input, ptrdiff_t input_row, float *output, ptrdiff_t output_row, size_t rows,
                      size_t columns);

    /// output[i] = input[i · stride].
    void (*copy)(const float *input, ptrdiff_t stride, float *output, size_t count);

    /// output[i] = input[positions[i]], or `fill` where that is negative.
    void (*gather)(const float *input, const int32_t *positions, float fill, float *output, size_t count);

    /// Softmax (or its logarithm) of one row; in place allowed.
    void (*softmax)(const float *input, float *output, size_t count, int32_t logarithm);

    /// Softmax of each of `width` columns of `length` numbers `stride` apart; in place allowed.
    void (*softmax_columns)(const float *input, float *output, size_t length, ptrdiff_t stride, size_t width,
                            int32_t logarithm);

    /// output = (input − mean) / √(variance + ε) · scale + shift over one row; in place allowed.
    void (*normalize)(const fathom_norm *norm, const float *input, float *output, size_t count);

    /// One row to one number.
    float (*reduce)(fathom_reduction kind, const float *input, size_t count);

    /// Each of `width` columns of `length` numbers, `stride` apart, to one number.
    void (*reduce_columns)(fathom_reduction kind, const float *input, size_t length, ptrdiff_t stride, float *output,
                           size_t width);

    /// Rows of a pooled picture from `first` to before `last`.
    void (*pool)(const fathom_pool *pool, int32_t first, int32_t last);
} fathom_tensor_kernels;

/// The kernels at an instruction set, or at the highest below it that this build has.
const fathom_tensor_kernels *fathom_tensor_kernels_at(fathom_isa isa);
