#if defined(__x86_64__)
#include <immintrin.h>

#define EXPAND_LANES 16
// Sixteen outputs lie between seventeen neighbours: two loads and two shuffles instead of gathers.
#define EXPAND(out, row, first, share)                                                                     \
    do {                                                                                                   \
        const float *base = (row) + (first)[0];                                                            \
        __m512i place = _mm512_sub_epi32(_mm512_loadu_si512((first)), _mm512_set1_epi32((first)[0]));      \
        __m512 left = _mm512_permutexvar_ps(place, _mm512_loadu_ps(base));                                 \
        __m512 right = _mm512_permutexvar_ps(place, _mm512_loadu_ps(base + 1));                            \
        _mm512_storeu_ps((out), _mm512_fmadd_ps(_mm512_sub_ps(right, left), _mm512_loadu_ps(share), left)); \
    } while (0)
#define KERNEL(name) name##_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "upsample_body.h"
#pragma clang attribute pop
#endif
