#if defined(__x86_64__)
#include <immintrin.h>

#define EXPAND_LANES 8
// Eight outputs lie between nine neighbours: two loads and two shuffles instead of gathers.
#define EXPAND(out, row, first, share)                                                                     \
    do {                                                                                                   \
        const float *base = (row) + (first)[0];                                                            \
        __m256i place = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(first)),                     \
                                         _mm256_set1_epi32((first)[0]));                                   \
        __m256 left = _mm256_permutevar8x32_ps(_mm256_loadu_ps(base), place);                              \
        __m256 right = _mm256_permutevar8x32_ps(_mm256_loadu_ps(base + 1), place);                         \
        _mm256_storeu_ps((out), _mm256_fmadd_ps(_mm256_sub_ps(right, left), _mm256_loadu_ps(share), left)); \
    } while (0)
#define KERNEL(name) name##_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "upsample_body.h"
#pragma clang attribute pop
#endif
