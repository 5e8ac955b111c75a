#include "color_variants.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), apply_to = function)

#define NAME(x) fathom_color_##x##_8_avx512
#define SAMPLE uint8_t
#define MAXIMUM 255
#include "color_body.inc"
#undef NAME
#undef SAMPLE
#undef MAXIMUM

#define NAME(x) fathom_color_##x##_10_avx512
#define SAMPLE uint16_t
#define MAXIMUM 1023
#include "color_body.inc"

#pragma clang attribute pop
#endif
