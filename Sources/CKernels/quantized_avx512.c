#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma"))), apply_to = function)
#define QUANTIZED_KERNELS fathom_quantized_avx512
#include "quantized_vnni.inc"
#include "quantized_vnni_depthwise.inc"
#include "quantized_body.inc"
#pragma clang attribute pop
#endif
