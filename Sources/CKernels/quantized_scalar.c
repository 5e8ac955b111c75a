// For any processor, and the definition of every other variant.
#define QUANTIZED_KERNELS fathom_quantized_scalar
#include "quantized_plain.inc"
#include "quantized_body.inc"
