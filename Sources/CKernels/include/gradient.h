// Kernels that train: gradients of convolutions, batch norms and functions of one number, and weights in the order that
// the kernels of network.h read, made anew at every step. Pictures are blocked (see network.h). The caller has checked
// every size; nothing here allocates or fails.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernels_isa.h"
#include "network.h"
#include "tensor.h"

/// The weights of a dense convolution to be put in the order of `dense`: weight (output, input, tap) is
/// weights[output·output_step + input·input_step + taps[tap]].
typedef struct fathom_weight_order {
    const float *weights;
    ptrdiff_t output_step, input_step;
    const int32_t *taps;
    int32_t tap_count, outputs, inputs;
    float *packed;
} fathom_weight_order;

/// The gradient of a convolution's weights from some pictures.
typedef struct fathom_weight_gradient {
    const float *input;              // blocked
    const float *gradient;           // of the output, blocked
    int32_t images;
    ptrdiff_t input_image, gradient_image;   // numbers from picture to picture
    ptrdiff_t input_block, gradient_block;   // numbers from block to block
    int32_t input_height, input_width, output_height, output_width;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t inputs, outputs;         // channels
    float *weights;                  // `dense`: [output][input][tap]; `depthwise`: [channel][tap]
    float *bias;                     // [output], or NULL
} fathom_weight_gradient;

/// Blocks of output channels that `weight_tile_sums` computes together.
#define FATHOM_TILE_GROUP 4
/// Sums that it keeps of such a group and a block of inputs: 36 points of all pairs.
#define FATHOM_TILE_SUMS 9216

/// Some tiles of 4×4 outputs of a weight gradient by Winograd's algorithm: row by row and picture by picture.
typedef struct fathom_weight_tiles {
    int32_t first_tile, last_tile;   // from first to before last
    int32_t tiles_a_row, tiles_an_image;
    int32_t is_first, is_last;       // of the parts that all tiles are cut into
    float *values;                   // of the input at the points: [block or two][point][tile][8 or 16]
    float *gradients;                // of the output's gradient, likewise
} fathom_weight_tiles;

/// Numbers that so many channels of so many tiles take.
static inline ptrdiff_t fathom_weight_tiles_count(ptrdiff_t channels, ptrdiff_t tiles) {
    return (channels + 15) / 16 * 36 * (tiles | 1) * 16;
}

/// A batch norm of blocked pictures; y = limit((x − mean) / √(variance + ε) · scale + shift).
typedef struct fathom_batch_norm {
    const float *input;
    const float *scale, *shift;      // a number for each channel
    float *mean, *variance;          // of the batch: written forward, read backward
    int32_t images, channels;
    ptrdiff_t plane;                 // pixels
    float epsilon, minimum, maximum;
    float *output;                   // forward: y; backward: the gradient of x
    const float *gradient;           // backward: that of y
    float *scale_gradient, *shift_gradient;
} fathom_batch_norm;

/// Blocks of output channels that `dense_weights` computes together; a part has that many.
#define FATHOM_GRADIENT_GROUP 6

/// The kernels at one instruction set.
typedef struct fathom_gradient_kernels {
    /// Packs the outputs from `first_group` to before `last_group`; `group_blocks` as in fathom_network_kernels.
    void (*pack)(const fathom_weight_order *order, int32_t group_blocks, int32_t first_group, int32_t last_group);

    /// [channel][tap] to [block][tap][8]; `turned` exchanges first and last tap.
    void (*pack_depthwise)(const float *weights, int32_t channels, int32_t taps, int32_t turned, float *packed);

    /// The weights of one group of FATHOM_GRADIENT_GROUP blocks of outputs and one block of inputs. With the first block
    /// of inputs the bias, too.
    void (*dense_weights)(const fathom_weight_gradient *gradient, int32_t group, int32_t block);

    /// For 3×3 taps, stride and dilation 1: transforms two blocks of inputs, or behind those two of outputs' gradients.
    void (*weight_tiles)(const fathom_weight_gradient *gradient, const fathom_weight_tiles *tiles, int32_t pair);

    /// Adds what tiles contribute to `sums` (FATHOM_TILE_SUMS numbers, kept until the last tiles) of one group of
    /// FATHOM_TILE_GROUP blocks of outputs and one block of inputs; the last tiles write the weights, the first with the
    /// first block of inputs the bias.
    void (*weight_tile_sums)(const fathom_weight_gradient *gradient, const fathom_weight_tiles *tiles, int32_t group,
                             int32_t block, float *sums);

    /// The weights and bias of one block of channels, each by itself.
    void (*depthwise_weights)(const fathom_weight_gradient *gradient, int32_t block);

    /// The gradient of a depthwise convolution's input: some rows of one block of one picture. `conv` is the forward
    /// convolution with its packed weights; `input` and `output` are the gradients of its output and input.
    void (*depthwise_input)(const fathom_conv *conv, int32_t block, int32_t first_row, int32_t last_row);

    /// Normalises one block of channels of all pictures.
    void (*normalize)(const fathom_batch_norm *norm, int32_t block);

    /// The gradients of one block of channels of all pictures.
    void (*normalize_gradient)(const fathom_batch_norm *norm, int32_t block);

    /// output = minimum < result < maximum ? gradient : 0; in place allowed.
    void (*clip)(const float *gradient, const float *result, float minimum, float maximum, float *output, size_t count);

    /// output = the nearest of the numbers scale · n with low <= n <= high, halves to the even n; in place allowed.
    void (*fake_quantize)(const float *input, float scale, float low, float high, float *output, size_t count);

    /// output[i] = Σ source[entries[k]] for k from starts[i] to before starts[i + 1].
    void (*gather_sum)(const float *source, const int32_t *starts, const int32_t *entries, float *output, size_t count);

    /// The gradient of a pool's operand: one picture's block (8 lanes) or channel (1). `pool` has the operand as `input`
    /// (for maxima) and the gradient of the result where the result was; `output` gets the operand's.
    void (*pool)(const fathom_pool *pool, const float *gradient, float *output);
} fathom_gradient_kernels;

/// The kernels at an instruction set, or at the highest below it that this build has.
const fathom_gradient_kernels *fathom_gradient_kernels_at(fathom_isa isa);
