// For any processor.
#define BFLOAT_KERNELS fathom_bfloat_scalar
#include "bfloat_body.inc"
