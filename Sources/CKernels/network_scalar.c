// For any processor: the compiler splits the vectors into what there is.
#define NETWORK_KERNELS fathom_network_scalar
#define GROUP_BLOCKS 1
#include "network_body.inc"
