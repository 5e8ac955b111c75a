#include "upsample.h"

#include "kernels_isa.h"

extern const fathom_upsample_kernels fathom_upsample_scalar;
#if defined(__x86_64__)
extern const fathom_upsample_kernels fathom_upsample_avx2, fathom_upsample_avx512;
#endif

const fathom_upsample_kernels *fathom_upsample(void) {
#if defined(__x86_64__)
    switch (fathom_isa_current()) {
    case FATHOM_ISA_AVX512: return &fathom_upsample_avx512;
    case FATHOM_ISA_AVX2: return &fathom_upsample_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#endif
    return &fathom_upsample_scalar;
}
