#define KERNEL(name) name##_scalar
#include "paint_body.h"
