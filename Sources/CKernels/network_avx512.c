#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define NETWORK_KERNELS fathom_network_avx512
#define GROUP_BLOCKS 4
#include "network_body.inc"
#pragma clang attribute pop
#endif
