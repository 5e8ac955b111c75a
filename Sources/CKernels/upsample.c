#include "upsample.h"

extern const fathom_upsample_kernels fathom_upsample_scalar;
#if defined(__x86_64__)
extern const fathom_upsample_kernels fathom_upsample_avx2, fathom_upsample_avx512;
#endif

const fathom_upsample_kernels *fathom_upsample_of(fathom_isa isa) {
#if defined(__x86_64__)
    switch (isa) {
    case FATHOM_ISA_AVX512: return &fathom_upsample_avx512;
    case FATHOM_ISA_AVX2: return &fathom_upsample_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#else
    (void)isa;
#endif
    return &fathom_upsample_scalar;
}

const fathom_upsample_kernels *fathom_upsample(void) { return fathom_upsample_of(fathom_isa_current()); }
