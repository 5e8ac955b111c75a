#include "matrix.h"

extern const fathom_matrix_kernels fathom_matrix_scalar;
#if defined(__x86_64__)
extern const fathom_matrix_kernels fathom_matrix_avx2;
extern const fathom_matrix_kernels fathom_matrix_avx512;
#endif

const fathom_matrix_kernels *fathom_matrix_kernels_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512) return &fathom_matrix_avx512;
    if (isa >= FATHOM_ISA_AVX2) return &fathom_matrix_avx2;
#endif
    (void)isa;
    return &fathom_matrix_scalar;
}
