#include "quantized.h"

extern const fathom_quantized_kernels fathom_quantized_scalar;
#if defined(__x86_64__)
extern const fathom_quantized_kernels fathom_quantized_avx2;
extern const fathom_quantized_kernels fathom_quantized_avx512;
#endif

const fathom_quantized_kernels *fathom_quantized_kernels_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512 && __builtin_cpu_supports("avx512vnni")) return &fathom_quantized_avx512;
    if (isa >= FATHOM_ISA_AVX2) return &fathom_quantized_avx2;
#endif
    (void)isa;
    return &fathom_quantized_scalar;
}
