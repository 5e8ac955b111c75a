#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define MATRIX_KERNELS fathom_matrix_avx512
#define MATRIX_UNARY fathom_network_avx512.unary
#define MATRIX_LANES 16
#define MATRIX_TILE 14
#define MATRIX_STRIDE 16
#include "matrix_body.inc"
#pragma clang attribute pop
#endif
