// Kernels on whole numbers of 8 bits that stand for real ones: real = (stored − zero) · scale.
//
// A picture is ceil(C/16) planes of H×W pixels of 16 neighbouring channels, one byte each; one of at most 4 channels is
// a single plane of pixels of 4 bytes. `lanes` is 16 or 4. The caller has checked every size and that no sum leaves 32
// bits; kernels may read, but never write, up to FATHOM_QUANTIZED_MARGIN bytes beyond a buffer. Results are exact: every
// instruction set gives the same bytes.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernels_isa.h"

/// Bytes beyond a buffer that must be readable.
#define FATHOM_QUANTIZED_MARGIN 512

/// A convolution of a part of a picture, whose padding the caller has written out: every tap lies within the input.
///
/// own = limit(round(float(bias + Σ weights · input) · scale) + zero), halves to the even number. With a residual the
/// output is limit(round(own_factor · (own − zero) + residual_factor · (residual − residual_zero)) + sum_zero).
typedef struct fathom_quantized_conv {
    const uint8_t *input;     // the first tap of the first output pixel
    const int8_t *weights;    // dense: [block of 16 outputs][tap][4 inputs of 16][16 outputs][4 inputs];
                              // depthwise: [block][4 tap rows][tap column][16 channels][4 tap rows]
    const int32_t *bias;      // 16 numbers a block, the input's zero times the weights taken off
    const float *scale;       // 16 numbers a block
    const uint8_t *residual;  // at the same places as the output; or NULL
    uint8_t *output;
    ptrdiff_t input_row, input_block;    // bytes from row to row, from plane to plane
    ptrdiff_t output_row, output_block;  // likewise, of the residual too
    int32_t input_lanes, output_lanes;
    int32_t input_quads;      // groups of 4 input channels
    int32_t output_channels;
    int32_t rows, columns;    // of the output
    int32_t kernel_height, kernel_width;
    int32_t stride_y, stride_x, dilation_y, dilation_x;
    /// For each block, tap and output what a tap wholly on padding adds: kernels may add it instead. NULL without padding.
    const int32_t *padding_sums;
    int32_t top, left;        // the row and column of the picture under the first tap of the first output pixel
    int32_t height, width;    // of the picture
    int32_t zero, low, high;
    float own_factor, residual_factor;
    int32_t residual_zero, sum_zero, sum_low, sum_high;
} fathom_quantized_conv;

/// How two pictures are added: limit(round(left_factor · (left − left_zero) + right_factor · (right − right_zero)) + zero).
typedef struct fathom_quantized_sum {
    float left_factor, right_factor;
    int32_t left_zero, right_zero, zero, low, high;
} fathom_quantized_sum;

/// The kernels at one instruction set.
typedef struct fathom_quantized_kernels {
    /// Every input channel reaches every output channel of the blocks from `first` to before `last`. An output of 4
    /// lanes has one block.
    void (*dense)(const fathom_quantized_conv *conv, int32_t first, int32_t last);

    /// Channel c of the input reaches channel c of the output; 16 lanes. `input` and `output` are those of block 0.
    void (*depthwise)(const fathom_quantized_conv *conv, int32_t first, int32_t last);

    /// Adds `count` bytes.
    void (*add)(const fathom_quantized_sum *sum, const uint8_t *left, const uint8_t *right, uint8_t *output,
                size_t count);

    /// output[i] = table[input[i]]; in place allowed.
    void (*map)(const uint8_t *table, const uint8_t *input, uint8_t *output, size_t count);

    /// round(x / scale) + zero for `count` pixels of `channels` (at most `lanes`) numbers; number l of pixel i is
    /// input[l · lane + i · pixel]. Channels that fill up a pixel are `zero`.
    void (*quantize)(const float *input, ptrdiff_t lane, ptrdiff_t pixel, int32_t channels, float scale, int32_t zero,
                     uint8_t *output, int32_t lanes, size_t count);

    /// (stored − zero) · scale, the way back.
    void (*dequantize)(const uint8_t *input, int32_t lanes, float scale, int32_t zero, float *output, ptrdiff_t lane,
                       ptrdiff_t pixel, int32_t channels, size_t count);

    /// One row of a linear interpolation whose weights are eighths: round(Σ weight · stored / 64). `columns` lists two
    /// input columns for each output column, `weights` the eighths of the second; `down` is those of the lower row.
    /// `scratch` has room for width · lanes numbers and FATHOM_QUANTIZED_MARGIN bytes.
    void (*resize_eighths)(const uint8_t *upper, const uint8_t *lower, int32_t down, const int32_t *columns,
                           const int32_t *weights, uint8_t *output, int32_t lanes, size_t width, size_t count,
                           uint16_t *scratch);

    /// As `resize_eighths` for any weights from 0 to 1: round(Σ weight · stored).
    void (*resize_any)(const uint8_t *upper, const uint8_t *lower, float down, const int32_t *columns,
                       const float *weights, uint8_t *output, int32_t lanes, size_t width, size_t count,
                       float *scratch);

    /// The greatest of `taps` pixels of `lanes` bytes for each of `count` outputs, the inputs `stride` bytes apart.
    void (*greatest)(const uint8_t *const *taps, size_t tap_count, ptrdiff_t stride, uint8_t *output, int32_t lanes,
                     size_t count);

    /// Pixel i of the output is pixel columns[i] of the input.
    void (*pick)(const uint8_t *input, const int32_t *columns, uint8_t *output, int32_t lanes, size_t count);
} fathom_quantized_kernels;

/// The kernels at an instruction set, or at the highest below it that this build and this machine have: those for
/// 512-bit vectors want VNNI.
const fathom_quantized_kernels *fathom_quantized_kernels_at(fathom_isa isa);
