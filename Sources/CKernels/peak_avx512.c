#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define PEAK_KERNEL fathom_peak_avx512
#define PEAK_LANES 16
#include "peak_body.inc"
#pragma clang attribute pop
#endif
