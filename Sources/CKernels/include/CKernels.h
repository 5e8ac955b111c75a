// Umbrella of the kernels. Each family has a header here, a scalar definition, and one file per instruction set.
#pragma once
#include "kernels_isa.h"
#include "color.h"
