// For any processor: the four lanes that every 64-bit one has.
#define PEAK_KERNEL fathom_peak_scalar
#define PEAK_LANES 4
#include "peak_body.inc"
