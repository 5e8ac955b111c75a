#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define BFLOAT_KERNELS fathom_bfloat_avx2
#include "bfloat_body.inc"
#pragma clang attribute pop
#endif
