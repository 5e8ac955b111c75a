#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define MATRIX_KERNELS fathom_matrix_avx2
#define MATRIX_UNARY fathom_network_avx2.unary
#define MATRIX_LANES 8
#define MATRIX_TILE 6
#define MATRIX_STRIDE 8
#include "matrix_body.inc"
#pragma clang attribute pop
#endif
