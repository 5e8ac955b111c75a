#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define QUANTIZED_KERNELS fathom_quantized_avx2
#include "quantized_plain.inc"
#include "quantized_body.inc"
#pragma clang attribute pop
#endif
