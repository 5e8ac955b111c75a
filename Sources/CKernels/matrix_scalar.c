// For any processor: the compiler splits the vectors into what there is.
#define MATRIX_KERNELS fathom_matrix_scalar
#define MATRIX_UNARY fathom_network_scalar.unary
#define MATRIX_LANES 4
#define MATRIX_TILE 4
#define MATRIX_STRIDE 8
#include "matrix_body.inc"
