#define KERNEL(name) name##_scalar
#include "upsample_body.h"
