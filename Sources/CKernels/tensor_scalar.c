// For any processor: the compiler splits the vectors into what there is.
#define TENSOR_KERNELS fathom_tensor_scalar
#include "tensor_body.inc"
