#pragma once
#include <stddef.h>
#include <stdint.h>

/// Affine map between two kinds of Y'CbCr samples, in units of 1/16384 of a code value; offsets include the rounding half.
typedef struct fathom_color_map {
    int32_t luma_from_luma, luma_from_blue, luma_from_red, luma_offset;
    int32_t blue_from_blue, blue_from_red, blue_offset;
    int32_t red_from_blue, red_from_red, red_offset;
} fathom_color_map;

/// A 4:2:0 picture: chroma planes have (width + 1) / 2 by (height + 1) / 2 samples; strides in bytes.
typedef struct fathom_color_picture {
    uint8_t *planes[3];
    ptrdiff_t strides[3];
} fathom_color_picture;

/// Maps every sample of an 8-bit 4:2:0 picture; results are limited to 0...255. `to` may be `from`.
void fathom_color_map_8(const fathom_color_map *map, const fathom_color_picture *from,
                        const fathom_color_picture *to, int width, int height);

/// Maps every sample of a 10-bit 4:2:0 picture (16-bit samples); results are limited to 0...1023. `to` may be `from`.
void fathom_color_map_10(const fathom_color_map *map, const fathom_color_picture *from,
                         const fathom_color_picture *to, int width, int height);

/// Lays a plane of `width` by `height` samples of 1 or 2 bytes anew: transposed first if asked, then mirrored.
/// The result has `height` by `width` samples when transposed. Strides in bytes; the planes do not overlap.
void fathom_color_orient(const uint8_t *from, ptrdiff_t from_stride, uint8_t *to,
                         ptrdiff_t to_stride, int width, int height, int bytes_per_sample,
                         int transpose, int mirror_horizontally, int mirror_vertically);
