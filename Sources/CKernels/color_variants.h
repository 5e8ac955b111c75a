#pragma once
#include "include/color.h"
#include "include/kernels_isa.h"

// One declaration for each instruction set and bit depth.
#define FATHOM_COLOR_VARIANT(depth, isa)                                                           \
    void fathom_color_map_##depth##_##isa(const fathom_color_map *map,                             \
                                          const fathom_color_picture *from,                        \
                                          const fathom_color_picture *to, int width, int height);

FATHOM_COLOR_VARIANT(8, scalar)
FATHOM_COLOR_VARIANT(10, scalar)
FATHOM_COLOR_VARIANT(8, avx2)
FATHOM_COLOR_VARIANT(10, avx2)
FATHOM_COLOR_VARIANT(8, avx512)
FATHOM_COLOR_VARIANT(10, avx512)
