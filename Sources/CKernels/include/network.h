// Kernels of the inference engine. The caller has checked every size; nothing here allocates or fails.
//
// A *blocked* picture is ceil(C/8) planes of H×W pixels of 8 neighbouring channels each; a *planar* one is C planes
// of H×W numbers. What lies in the channels that fill up the last plane is never read into a result.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernels_isa.h"

/// Channels of a pixel in a blocked picture.
#define FATHOM_BLOCK 8

/// Functions of one number; a and b are its settings.
typedef enum fathom_unary {
    FATHOM_CLIP,          // min(max(x, a), b)
    FATHOM_LEAKY_RELU,    // x < 0 ? a·x : x
    FATHOM_SIGMOID,       // 1 / (1 + exp(−x))
    FATHOM_TANH,          // tanh(x)
    FATHOM_ELU,           // x < 0 ? a·(exp(x) − 1) : x
    FATHOM_HARD_SIGMOID,  // min(max(a·x + b, 0), 1)
    FATHOM_HARD_SWISH,    // x · min(max(x/6 + 1/2, 0), 1)
    FATHOM_SOFTPLUS,      // log(1 + exp(x))
    FATHOM_SQUARE_ROOT,
    FATHOM_EXPONENTIAL,
    FATHOM_MAGNITUDE,
    FATHOM_NEGATION,
    FATHOM_ERF,                // 2/√π ∫₀ˣ exp(−t²) dt, to within 4·10⁻⁷
    FATHOM_GELU,               // x/2 · (1 + erf(x/√2))
    FATHOM_GELU_TANH,          // x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))
    FATHOM_SWISH,              // x / (1 + exp(−a·x))
    FATHOM_MISH,               // x · tanh(log(1 + exp(x)))
    FATHOM_LOGARITHM,
    FATHOM_RECIPROCAL,
    FATHOM_FLOOR,
    FATHOM_CEILING,
    FATHOM_ROUND,              // ties to even
    FATHOM_SIGN,
    FATHOM_SOFTSIGN,           // x / (1 + |x|)
    FATHOM_SELU,               // b · (x > 0 ? x : a·(exp(x) − 1))
    FATHOM_CELU,               // x > 0 ? x : a·(exp(x/a) − 1)
    FATHOM_THRESHOLDED_RELU,   // x > a ? x : 0
    FATHOM_SHRINK,             // x < −a ? x + b : x > a ? x − b : 0
    FATHOM_SINE,
    FATHOM_COSINE,
} fathom_unary;

/// A convolution of one picture: output = activation(limit(bias + Σ weights · input + residual)).
typedef struct fathom_conv {
    const float *input;
    const float *weights;   // packed: see `dense` and `depthwise`
    const float *bias;      // 8 numbers per output block
    const float *residual;  // blocked, as the output, and not the output itself; or NULL
    float *output;          // blocked
    int32_t input_height, input_width, output_height, output_width;
    int32_t kernel_height, kernel_width;
    int32_t stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t input_channels;
    int32_t input_lanes;       // channels side by side in a pixel of the input: 8 (blocked) or 1 (planar)
    ptrdiff_t input_row;       // numbers from row to row of the input
    ptrdiff_t input_block;     // numbers from one `input_lanes` channels to the next
    ptrdiff_t output_block;    // numbers from one block of output channels to the next
    ptrdiff_t output_row;      // `dense`, `winograd`: numbers from row to row of the output
    ptrdiff_t output_pixel;    // `dense`: numbers from pixel to pixel of a row of the output
    float minimum, maximum;
    fathom_unary activation;   // FATHOM_CLIP: none
    float alpha, beta;         // its settings
} fathom_conv;

/// A part of a convolution's output: rows, columns, and blocks of channels, each from first to before last.
typedef struct fathom_region {
    int32_t first_row, last_row, first_column, last_column, first_block, last_block;
} fathom_region;

/// What weights are transformed for by Winograd's algorithm.
typedef struct fathom_winograd_size {
    int32_t outputs, inputs, kernel_height, kernel_width;
    int32_t tile;       // pixels of a tile's side: 4 or 2
    int32_t is_turned;  // whether the last tap of a window counts as the first
    ptrdiff_t output_step, input_step;  // numbers from weight to weight
} fathom_winograd_size;

/// A part of a convolution by Winograd's algorithm: tiles of the output from first to before last, row by row and picture
/// by picture, and blocks of its channels.
typedef struct fathom_winograd {
    int32_t tile;  // pixels of a tile's side: 4 or 2
    int32_t first_tile, last_tile, first_block, last_block;
    ptrdiff_t input_image, output_image;  // numbers from picture to picture
} fathom_winograd;

/// Numbers from block to block of so many tiles' transforms: whole pieces of 4, the shortest that kernels write.
static inline ptrdiff_t fathom_winograd_block(ptrdiff_t tiles) { return (tiles + 3) / 4 * 4 * FATHOM_BLOCK; }

/// Numbers from point to point: an odd number of cache lines, so that a tile's points do not fall on the same one.
static inline ptrdiff_t fathom_winograd_point(ptrdiff_t channels, ptrdiff_t tiles) {
    return (((channels + FATHOM_BLOCK - 1) / FATHOM_BLOCK * fathom_winograd_block(tiles) / 16) | 1) * 16;
}

/// Functions of two numbers.
typedef enum fathom_binary {
    FATHOM_ADD,
    FATHOM_SUBTRACT,
    FATHOM_MULTIPLY,
    FATHOM_DIVIDE,
    FATHOM_MINIMUM,
    FATHOM_MAXIMUM,
    FATHOM_POWER,
    FATHOM_PRELU,  // x < 0 ? y·x : x
    FATHOM_STEP,   // x > y ? 1 : x == y ? 1/2 : 0
} fathom_binary;

/// The kernels at one instruction set.
typedef struct fathom_network_kernels {
    /// Blocks of output channels that `dense` computes together; weights are packed for it.
    int32_t group_blocks;

    /// Every input channel reaches every output channel. `first_block` is a multiple of `group_blocks`. Weights are
    /// packed [group of blocks][kernel row][kernel column][input channel][8 × the group's blocks]; the last group
    /// may have fewer blocks.
    void (*dense)(const fathom_conv *conv, const fathom_region *region);

    /// Packs weights [output][input][tap] for `dense`.
    void (*dense_weights)(const float *weights, int32_t outputs, int32_t inputs, int32_t taps, float *packed);

    /// As `dense` for stride and dilation 1 and blocked pictures. The window is taken as pieces of 3×3 taps; where it
    /// has more than one, the input channels are whole blocks. `scratch` holds (tile + 2)² points of the tiles'
    /// input channels, once for each piece, and as many of a group of output channels.
    void (*winograd)(const fathom_conv *conv, const fathom_winograd *part, float *scratch);

    /// Transforms weights of a group of blocks of output channels, whose taps lie row by row, to [group][point][piece]
    /// [input][8 × the group's blocks].
    void (*winograd_weights)(const float *weights, const fathom_winograd_size *size, int32_t group, float *packed);

    /// Channel c of the input reaches channel c of the output; both are blocked. Weights are packed
    /// [block][kernel row][kernel column][8].
    void (*depthwise)(const fathom_conv *conv, const fathom_region *region);

    /// As `dense`, from a blocked input whose channels are whole blocks to a planar output; the region's blocks are
    /// channels. There is no residual. Weights are packed [output channel][kernel row][kernel column][input channel].
    void (*narrow)(const fathom_conv *conv, const fathom_region *region);

    /// output[i] = f(input[i]); in place allowed.
    void (*unary)(fathom_unary function, float a, float b, const float *input, float *output, size_t count);

    /// output[i] = f(left[i], right[i % period]); period is 1, 8 or at least count; `swapped` exchanges the
    /// operands. In place allowed with `left`.
    void (*binary)(fathom_binary function, int swapped, const float *left, const float *right, size_t period,
                   float *output, size_t count);

    /// output[x] = Σ weights[x·taps + t] · input[positions[x·taps + t]] for each of `lanes` (1 or 8) numbers a pixel.
    void (*resize_columns)(const float *input, float *output, size_t columns, size_t lanes, size_t taps,
                           const int32_t *positions, const float *weights);

    /// output[i] = limit(Σ weights[t] · rows[t][i]).
    void (*resize_rows)(const float *const *rows, const float *weights, size_t taps, float *output, size_t count,
                        float minimum, float maximum);

    /// output[x] = input[columns[x]] for each of `lanes` (1 or 8) numbers a pixel; `fill` where the column is negative.
    void (*move_pixels)(const float *row, const int32_t *columns, size_t count, size_t lanes, float fill,
                        float *output);

    /// Planar channels (8 at most, `stride` numbers apart) to one blocked plane of `count` pixels; missing ones are 0.
    void (*block)(const float *planes, size_t stride, size_t channels, float *output, size_t count);

    /// The way back.
    void (*unblock)(const float *input, float *planes, size_t stride, size_t channels, size_t count);
} fathom_network_kernels;

/// The kernels at an instruction set, or at the highest below it that this build has.
const fathom_network_kernels *fathom_network_kernels_at(fathom_isa isa);
