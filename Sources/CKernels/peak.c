#include "peak.h"

double fathom_peak_scalar(size_t rounds, float *result);
double fathom_peak_avx2(size_t rounds, float *result);
double fathom_peak_avx512(size_t rounds, float *result);

fathom_peak_kernel fathom_peak_at(fathom_isa isa) {
#if defined(__x86_64__)
    if (isa >= FATHOM_ISA_AVX512) return fathom_peak_avx512;
    if (isa >= FATHOM_ISA_AVX2) return fathom_peak_avx2;
#endif
    (void)isa;
    return fathom_peak_scalar;
}
