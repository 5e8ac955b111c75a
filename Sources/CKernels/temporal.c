#include "temporal.h"

extern const fathom_temporal_kernels fathom_temporal_scalar;
#if defined(__x86_64__)
extern const fathom_temporal_kernels fathom_temporal_avx2, fathom_temporal_avx512;
#endif

const fathom_temporal_kernels *fathom_temporal_of(fathom_isa isa) {
#if defined(__x86_64__)
    switch (isa) {
    case FATHOM_ISA_AVX512: return &fathom_temporal_avx512;
    case FATHOM_ISA_AVX2: return &fathom_temporal_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#else
    (void)isa;
#endif
    return &fathom_temporal_scalar;
}

const fathom_temporal_kernels *fathom_temporal(void) { return fathom_temporal_of(fathom_isa_current()); }
