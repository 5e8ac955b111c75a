#define KERNEL(name) name##_scalar
#include "temporal_body.h"
