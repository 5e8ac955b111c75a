#include "bfloat.h"

extern const fathom_bfloat_kernels fathom_bfloat_scalar;
#if defined(__x86_64__)
extern const fathom_bfloat_kernels fathom_bfloat_avx2;
extern const fathom_bfloat_kernels fathom_bfloat_avx512;
#endif

const fathom_bfloat_kernels *fathom_bfloat_kernels_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512 && __builtin_cpu_supports("avx512bf16")) return &fathom_bfloat_avx512;
    if (isa >= FATHOM_ISA_AVX2) return &fathom_bfloat_avx2;
#endif
    (void)isa;
    return &fathom_bfloat_scalar;
}
