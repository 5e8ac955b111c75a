#include "tensor.h"

extern const fathom_tensor_kernels fathom_tensor_scalar;
#if defined(__x86_64__)
extern const fathom_tensor_kernels fathom_tensor_avx2;
extern const fathom_tensor_kernels fathom_tensor_avx512;
#endif

const fathom_tensor_kernels *fathom_tensor_kernels_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512) return &fathom_tensor_avx512;
    if (isa >= FATHOM_ISA_AVX2) return &fathom_tensor_avx2;
#endif
    (void)isa;
    return &fathom_tensor_scalar;
}
