#include <string.h>

#include "include/color.h"

// Bound by memory, not arithmetic: blocks that fit the first cache make the columns cheap, one body serves all machines.
enum { block = 32 };

#define ORIENT(NAME, SAMPLE)                                                                       \
    static void NAME(const uint8_t *from, ptrdiff_t from_stride, uint8_t *to,                      \
                     ptrdiff_t to_stride, int width, int height, int mirror_horizontally,          \
                     int mirror_vertically) {                                                      \
        for (int top = 0; top < height; top += block)                                              \
            for (int left = 0; left < width; left += block) {                                      \
                int bottom = top + block < height ? top + block : height;                          \
                int right = left + block < width ? left + block : width;                           \
                for (int x = left; x < right; x++) {                                               \
                    int row = mirror_vertically ? width - 1 - x : x;                               \
                    SAMPLE *out = (SAMPLE *)(to + row * to_stride);                                \
                    const uint8_t *in = from + x * (ptrdiff_t)sizeof(SAMPLE);                      \
                    if (mirror_horizontally)                                                       \
                        for (int y = top; y < bottom; y++)                                         \
                            out[height - 1 - y] = *(const SAMPLE *)(in + y * from_stride);         \
                    else                                                                           \
                        for (int y = top; y < bottom; y++)                                         \
                            out[y] = *(const SAMPLE *)(in + y * from_stride);                      \
                }                                                                                  \
            }                                                                                      \
    }                                                                                              \
    static void NAME##_row_reversed(const uint8_t *from, uint8_t *to, int width) {                 \
        const SAMPLE *in = (const SAMPLE *)from;                                                   \
        SAMPLE *out = (SAMPLE *)to;                                                                \
        for (int x = 0; x < width; x++) out[x] = in[width - 1 - x];                                \
    }

ORIENT(transpose_1, uint8_t)
ORIENT(transpose_2, uint16_t)

void fathom_color_orient(const uint8_t *from, ptrdiff_t from_stride, uint8_t *to,
                         ptrdiff_t to_stride, int width, int height, int bytes_per_sample,
                         int transpose, int mirror_horizontally, int mirror_vertically) {
    if (transpose) {
        (bytes_per_sample == 1 ? transpose_1 : transpose_2)(
            from, from_stride, to, to_stride, width, height, mirror_horizontally,
            mirror_vertically);
        return;
    }
    for (int y = 0; y < height; y++) {
        const uint8_t *in = from + y * from_stride;
        uint8_t *out = to + (mirror_vertically ? height - 1 - y : y) * to_stride;
        if (!mirror_horizontally)
            memcpy(out, in, (size_t)width * (size_t)bytes_per_sample);
        else
            (bytes_per_sample == 1 ? transpose_1_row_reversed : transpose_2_row_reversed)(in, out,
                                                                                          width);
    }
}
