#include "paint.h"

extern const fathom_paint_kernels fathom_paint_scalar;
#if defined(__x86_64__)
extern const fathom_paint_kernels fathom_paint_avx2, fathom_paint_avx512;
#endif

const fathom_paint_kernels *fathom_paint_of(fathom_isa isa) {
#if defined(__x86_64__)
    switch (isa) {
    case FATHOM_ISA_AVX512: return &fathom_paint_avx512;
    case FATHOM_ISA_AVX2: return &fathom_paint_avx2;
    case FATHOM_ISA_SCALAR: break;
    }
#else
    (void)isa;
#endif
    return &fathom_paint_scalar;
}

const fathom_paint_kernels *fathom_paint(void) { return fathom_paint_of(fathom_isa_current()); }
