#include "prepare.h"

extern const fathom_prepare_kernels fathom_prepare_scalar;
#if defined(__x86_64__)
extern const fathom_prepare_kernels fathom_prepare_avx2, fathom_prepare_avx512;
#endif

const fathom_prepare_kernels *fathom_prepare_of(fathom_isa isa) {
#if defined(__x86_64__)
    switch (isa) {
    case FATHOM_ISA_AVX512: return &fathom_prepare_avx512;
    case FATHOM_ISA_AVX2: return &fathom_prepare_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#else
    (void)isa;
#endif
    return &fathom_prepare_scalar;
}

const fathom_prepare_kernels *fathom_prepare(void) { return fathom_prepare_of(fathom_isa_current()); }
