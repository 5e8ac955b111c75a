#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define NETWORK_KERNELS fathom_network_avx2
#define GROUP_BLOCKS 2
#include "network_body.inc"
#pragma clang attribute pop
#endif
