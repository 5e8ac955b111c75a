#if defined(__x86_64__)
#include <immintrin.h>

#include "quantized.h"

// Looks 64 bytes up at a time; used beside the kernels of quantized_avx512.c where the machine has VBMI.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi"))) void fathom_quantized_map_vbmi(
    const uint8_t *table, const uint8_t *input, uint8_t *output, size_t count) {
    const __m512i a = _mm512_loadu_si512(table), b = _mm512_loadu_si512(table + 64);
    const __m512i c = _mm512_loadu_si512(table + 128), d = _mm512_loadu_si512(table + 192);
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        const __m512i index = _mm512_loadu_si512(input + i);
        const __m512i low = _mm512_permutex2var_epi8(a, index, b), high = _mm512_permutex2var_epi8(c, index, d);
        _mm512_storeu_si512(output + i, _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(index), high));
    }
    for (; i < count; i++) output[i] = table[input[i]];
}
#endif
