#if defined(__x86_64__)
#include <immintrin.h>

#define EXPAND_LANES 8
#define EXPAND_VECTOR __m256
#define EXPAND_LOAD _mm256_loadu_ps
#define EXPAND_STORE _mm256_storeu_ps
#define EXPAND_MIN _mm256_min_ps
#define EXPAND_MAX _mm256_max_ps
// Eight outputs lie between nine neighbours: two loads and two shuffles instead of gathers.
#define PLACES(first)      \
    int base = (first)[0]; \
    __m256i place = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(first)), _mm256_set1_epi32(base))
#define EXPAND(row, share)                                                                               \
    ({                                                                                                   \
        __m256 left = _mm256_permutevar8x32_ps(_mm256_loadu_ps(row), place);                             \
        __m256 right = _mm256_permutevar8x32_ps(_mm256_loadu_ps((row) + 1), place);                      \
        _mm256_fmadd_ps(_mm256_sub_ps(right, left), (share), left);                                      \
    })

#define KERNEL(name) name##_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "upsample_body.h"
#pragma clang attribute pop
#endif
