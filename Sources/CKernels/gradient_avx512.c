#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define GRADIENT_KERNELS fathom_gradient_avx512
#define WIDE 1
#include "gradient_body.inc"
#pragma clang attribute pop
#endif
