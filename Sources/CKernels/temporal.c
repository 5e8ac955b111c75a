#include "temporal.h"

#include "kernels_isa.h"

extern const fathom_temporal_kernels fathom_temporal_scalar;
#if defined(__x86_64__)
extern const fathom_temporal_kernels fathom_temporal_avx2, fathom_temporal_avx512;
#endif

const fathom_temporal_kernels *fathom_temporal(void) {
#if defined(__x86_64__)
    switch (fathom_isa_current()) {
    case FATHOM_ISA_AVX512: return &fathom_temporal_avx512;
    case FATHOM_ISA_AVX2: return &fathom_temporal_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#endif
    return &fathom_temporal_scalar;
}
