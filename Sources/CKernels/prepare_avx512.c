#if defined(__x86_64__)

#define KERNEL(name) name##_avx512
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#include "prepare_body.h"
#pragma clang attribute pop
#endif
