#if defined(__x86_64__)
#include <immintrin.h>

#define EXPAND_LANES 16
#define EXPAND_VECTOR __m512
#define EXPAND_LOAD _mm512_loadu_ps
#define EXPAND_STORE _mm512_storeu_ps
#define EXPAND_MIN _mm512_min_ps
#define EXPAND_MAX _mm512_max_ps
// Sixteen outputs lie between seventeen neighbours: two loads and two shuffles instead of gathers.
#define PLACES(first)      \
    int base = (first)[0]; \
    __m512i place = _mm512_sub_epi32(_mm512_loadu_si512(first), _mm512_set1_epi32(base))
#define EXPAND(row, share)                                                      \
    ({                                                                          \
        __m512 left = _mm512_permutexvar_ps(place, _mm512_loadu_ps(row));       \
        __m512 right = _mm512_permutexvar_ps(place, _mm512_loadu_ps((row) + 1)); \
        _mm512_fmadd_ps(_mm512_sub_ps(right, left), (share), left);             \
    })

#define KERNEL(name) name##_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "upsample_body.h"
#pragma clang attribute pop
#endif
