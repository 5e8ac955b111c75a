#include "color_variants.h"

typedef void (*color_map_function)(const fathom_color_map *, const fathom_color_picture *,
                                   const fathom_color_picture *, int, int);

#if defined(__x86_64__)
static const color_map_function maps_8[] = {
    fathom_color_map_8_scalar, fathom_color_map_8_avx2, fathom_color_map_8_avx512};
static const color_map_function maps_10[] = {
    fathom_color_map_10_scalar, fathom_color_map_10_avx2, fathom_color_map_10_avx512};
#else
static const color_map_function maps_8[] = {fathom_color_map_8_scalar};
static const color_map_function maps_10[] = {fathom_color_map_10_scalar};
#endif

void fathom_color_map_8(const fathom_color_map *map, const fathom_color_picture *from,
                        const fathom_color_picture *to, int width, int height) {
    maps_8[fathom_isa_current()](map, from, to, width, height);
}

void fathom_color_map_10(const fathom_color_map *map, const fathom_color_picture *from,
                         const fathom_color_picture *to, int width, int height) {
    maps_10[fathom_isa_current()](map, from, to, width, height);
}
