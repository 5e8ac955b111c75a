// Convolutions with inputs and weights rounded to bfloat16, sums in single precision.
//
// The caller rounds a part of the input into a panel: ceil(C/8) planes of rows of pixels of 8 neighbouring channels, 16
// bytes a pixel, padding written out as zeros. Kernels may read up to FATHOM_BFLOAT_MARGIN bytes beyond it.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernels_isa.h"

/// Bytes beyond a panel that must be readable.
#define FATHOM_BFLOAT_MARGIN 512

/// A convolution of a panel: output = limit(bias + Σ weights · input + residual).
typedef struct fathom_bfloat_conv {
    const uint16_t *input;    // the first tap of the first output pixel
    const uint16_t *weights;  // [block of 16 outputs][tap][2 inputs of all][16 outputs][2 inputs]
    const float *bias;        // 16 numbers a block
    const float *residual;    // at the same places as the output; or NULL
    float *output;            // planes of 8 neighbouring channels: two planes a block
    ptrdiff_t input_row, input_block;     // numbers from row to row and from plane to plane of the panel
    ptrdiff_t output_row, output_block;   // numbers from row to row and from plane to plane of the output
    int32_t output_planes;                // planes of the output in all: the last block may have but one
    int32_t input_pairs;                  // pairs of input channels
    int32_t rows, columns;                // of the output
    int32_t kernel_height, kernel_width;
    int32_t stride_y, stride_x, dilation_y, dilation_x;
    float minimum, maximum;
} fathom_bfloat_conv;

/// The kernels at one instruction set.
typedef struct fathom_bfloat_kernels {
    /// Every input channel reaches every output channel of the blocks of 16 from `first` to before `last`.
    void (*dense)(const fathom_bfloat_conv *conv, int32_t first, int32_t last);

    /// Rounds numbers, halves to the even one.
    void (*round)(const float *input, uint16_t *output, size_t count);

    /// Rounds `channels` (at most 8) planes, `lane` numbers apart, into `count` pixels of 8; missing channels are 0.
    void (*round_planes)(const float *input, ptrdiff_t lane, int32_t channels, uint16_t *output, size_t count);
} fathom_bfloat_kernels;

/// The kernels at an instruction set, or at the highest below it that this build and this machine have: those for
/// 512-bit vectors want AVX512-BF16, the others widen to single precision.
const fathom_bfloat_kernels *fathom_bfloat_kernels_at(fathom_isa isa);
