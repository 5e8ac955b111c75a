// Matrix products and attention. The caller has checked every size; nothing here allocates or fails.
//
// The right side of a product is *packed*: panels of `panel` columns, each [depth][panel], the last filled up with
// zeros. Panels of attention's keys and values are packed per run.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "kernels_isa.h"
#include "network.h"

/// The matrices of a product: output = activation(left · right + bias + residual).
typedef struct fathom_product {
    const float *left;
    ptrdiff_t left_row, left_column;  // numbers from one row, and one column, to the next
    const float *right;               // packed
    const float *bias;                // a number for each column, filled up to whole panels; or NULL
    const float *residual;            // as the output, which may be the same memory; or NULL
    float *output;                    // columns side by side
    ptrdiff_t output_row;             // of output and residual
    int32_t columns, depth;
    float minimum, maximum;           // limits of the output before `activation`
    int32_t has_activation;
    fathom_unary activation;
    float a, b;                       // its settings
} fathom_product;

/// A part of a product: rows and panels, each from first to before last.
typedef struct fathom_product_region {
    int32_t first_row, last_row, first_panel, last_panel;
} fathom_product_region;

/// One head of attention: output[t] = Σₛ softmaxₛ(scale · query[t]·key[s] + mask[t][s]) · value[s].
typedef struct fathom_attention {
    const float *query, *key, *value;
    const float *mask;                // or NULL
    float *output;
    ptrdiff_t query_row, query_column, key_row, key_column, value_row, value_column;
    ptrdiff_t mask_row, mask_column;  // 0 where it is the same for all
    ptrdiff_t output_row;
    int32_t queries, keys, depth, value_depth;  // value_depth is at most FATHOM_LARGEST_HEAD, as is depth
    float scale;
    float *packed_keys;               // [⌈keys / tile⌉][depth][tile_stride]
    float *packed_values;             // [⌈value_depth / tile⌉][keys][tile_stride]
} fathom_attention;

/// The most numbers of a query, key or value that attention takes.
#define FATHOM_LARGEST_HEAD 256

/// The kernels at one instruction set.
typedef struct fathom_matrix_kernels {
    /// Columns of a panel.
    int32_t panel;
    /// Rows that are computed together, and numbers from one column of packed rows to the next.
    int32_t tile, tile_stride;

    /// Packs columns of a matrix from `first` to before `last` panel.
    void (*pack)(const float *right, ptrdiff_t row, ptrdiff_t column, int32_t columns, int32_t depth, float *packed,
                 int32_t first, int32_t last);

    /// Computes a region of a product.
    void (*multiply)(const fathom_product *product, const fathom_product_region *region);

    /// Packs the keys and values of a head.
    void (*pack_head)(const fathom_attention *attention);

    /// Computes the outputs of queries from `first` to before `last`; `panel` of them are computed together.
    void (*attend)(const fathom_attention *attention, int32_t first, int32_t last);
} fathom_matrix_kernels;

/// The kernels at an instruction set, or at the highest below it that this build has.
const fathom_matrix_kernels *fathom_matrix_kernels_at(fathom_isa isa);
