#if defined(__x86_64__)
#include <immintrin.h>

#include "quantized.h"

void fathom_quantized_map_vbmi(const uint8_t *table, const uint8_t *input, uint8_t *output, size_t count);

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma"))), apply_to = function)
#define QUANTIZED_KERNELS fathom_quantized_avx512
#include "quantized_vnni.inc"
#include "quantized_vnni_depthwise.inc"

/// Most machines with VNNI have VBMI too.
static void map(const uint8_t *table, const uint8_t *input, uint8_t *output, size_t count) {
    if (__builtin_cpu_supports("avx512vbmi")) {
        fathom_quantized_map_vbmi(table, input, output, count);
        return;
    }
    for (size_t i = 0; i < count; i++) output[i] = table[input[i]];
}

#define QUANTIZED_MAP
#include "quantized_body.inc"
#pragma clang attribute pop
#endif
