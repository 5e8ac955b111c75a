// Umbrella of the kernels. Each family has a header here, a scalar definition, and one file per instruction set.
#pragma once
#include "kernels_isa.h"
#include "paint.h"
#include "prepare.h"
#include "temporal.h"
#include "upsample.h"
#include "samples16.h"
#include "spin.h"
#include "network.h"
#include "matrix.h"
#include "tensor.h"
#include "peak.h"
#include "color.h"
