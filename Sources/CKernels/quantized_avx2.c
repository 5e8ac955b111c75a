#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define QUANTIZED_KERNELS fathom_quantized_avx2
#define QUANTIZED_DENSE
#include "quantized_plain.inc"

/// Pixels that are multiplied together.
#define PIXELS 2

typedef int32_t int32_unaligned __attribute__((aligned(1)));

/// Sums of 16 output channels of PIXELS neighbours: 4 input channels at a time, widened to 16 bits so that no sum of two
/// products is limited. A number of a sum is half of one output's.
static inline __attribute__((always_inline)) void multiply(const fathom_quantized_conv *c, const uint8_t *input,
                                                           ptrdiff_t step, const int8_t *w, const int32_t *bias,
                                                           int32_t sums[PIXELS][16]) {
    __m256i sum[PIXELS][4] = {};
    for (int32_t y = 0; y < c->kernel_height; y++)
        for (int32_t x = 0; x < c->kernel_width; x++) {
            const uint8_t *from = input + y * c->dilation_y * c->input_row + (ptrdiff_t)x * c->dilation_x * c->input_lanes;
            for (int32_t q = 0; q < c->input_quads; q++, w += 64) {
                const uint8_t *quad = from + (q / 4) * c->input_block + (q % 4) * 4;
                __m256i four[PIXELS];
                for (int p = 0; p < PIXELS; p++)
                    four[p] = _mm256_broadcastq_epi64(
                        _mm_cvtepu8_epi16(_mm_cvtsi32_si128(*(const int32_unaligned *)(quad + p * step))));
                for (int v = 0; v < 4; v++) {
                    const __m256i factor = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(w + 16 * v)));
                    for (int p = 0; p < PIXELS; p++)
                        sum[p][v] = _mm256_add_epi32(sum[p][v], _mm256_madd_epi16(four[p], factor));
                }
            }
        }
    for (int p = 0; p < PIXELS; p++)
        for (int v = 0; v < 4; v += 2) {
            const __m256i whole = _mm256_permute4x64_epi64(_mm256_hadd_epi32(sum[p][v], sum[p][v + 1]), 0xD8);
            _mm256_storeu_si256((__m256i *)(sums[p] + 4 * v),
                                _mm256_add_epi32(whole, _mm256_loadu_si256((const __m256i *)(bias + 4 * v))));
        }
}

static void dense(const fathom_quantized_conv *c, int32_t first, int32_t last) {
    const ptrdiff_t each = (ptrdiff_t)c->kernel_height * c->kernel_width * c->input_quads * 64;
    const ptrdiff_t step = (ptrdiff_t)c->stride_x * c->input_lanes;
    for (int32_t block = first; block < last; block++)
        for (int32_t row = 0; row < c->rows; row++)
            for (int32_t column = 0; column < c->columns; column += PIXELS) {
                int32_t sums[PIXELS][16];
                multiply(c, c->input + row * c->stride_y * c->input_row + column * step, step, c->weights + block * each,
                         c->bias + block * 16, sums);
                for (int32_t p = 0; p < PIXELS && column + p < c->columns; p++)
                    finish(c, sums[p], block,
                           block * c->output_block + row * c->output_row + (ptrdiff_t)(column + p) * c->output_lanes);
            }
}

#include "quantized_body.inc"
#pragma clang attribute pop
#endif
