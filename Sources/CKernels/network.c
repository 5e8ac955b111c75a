#include "network.h"

extern const fathom_network_kernels fathom_network_scalar;
#if defined(__x86_64__)
extern const fathom_network_kernels fathom_network_avx2;
extern const fathom_network_kernels fathom_network_avx512;
#endif

const fathom_network_kernels *fathom_network_kernels_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512) return &fathom_network_avx512;
    if (isa >= FATHOM_ISA_AVX2) return &fathom_network_avx2;
#endif
    (void)isa;
    return &fathom_network_scalar;
}
