#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define TENSOR_KERNELS fathom_tensor_avx512
#include "tensor_body.inc"
#pragma clang attribute pop
#endif
