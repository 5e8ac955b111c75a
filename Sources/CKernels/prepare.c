#include "prepare.h"

#include "kernels_isa.h"

extern const fathom_prepare_kernels fathom_prepare_scalar;
#if defined(__x86_64__)
extern const fathom_prepare_kernels fathom_prepare_avx2, fathom_prepare_avx512;
#endif

const fathom_prepare_kernels *fathom_prepare(void) {
#if defined(__x86_64__)
    switch (fathom_isa_current()) {
    case FATHOM_ISA_AVX512: return &fathom_prepare_avx512;
    case FATHOM_ISA_AVX2: return &fathom_prepare_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#endif
    return &fathom_prepare_scalar;
}
