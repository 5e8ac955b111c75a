#include "gradient.h"

extern const fathom_gradient_kernels fathom_gradient_scalar;
#if defined(__x86_64__)
extern const fathom_gradient_kernels fathom_gradient_avx2;
extern const fathom_gradient_kernels fathom_gradient_avx512;
#endif

const fathom_gradient_kernels *fathom_gradient_kernels_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512) return &fathom_gradient_avx512;
    if (isa >= FATHOM_ISA_AVX2) return &fathom_gradient_avx2;
#endif
    (void)isa;
    return &fathom_gradient_scalar;
}
