#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define PEAK_KERNEL fathom_peak_avx2
#define PEAK_LANES 8
#include "peak_body.inc"
#pragma clang attribute pop
#endif
