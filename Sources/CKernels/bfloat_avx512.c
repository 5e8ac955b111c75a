#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma"))), apply_to = function)
#define BFLOAT_KERNELS fathom_bfloat_avx512
#include "bfloat_dense.inc"
#include "bfloat_body.inc"
#pragma clang attribute pop
#endif
