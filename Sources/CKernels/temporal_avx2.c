#if defined(__x86_64__)

#define KERNEL(name) name##_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "temporal_body.h"
#pragma clang attribute pop
#endif
