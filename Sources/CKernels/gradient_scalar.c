// For any processor: the compiler splits the vectors into what there is.
#define GRADIENT_KERNELS fathom_gradient_scalar
#include "gradient_body.inc"
