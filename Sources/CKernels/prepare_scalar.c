#define KERNEL(name) name##_scalar
#include "prepare_body.h"
