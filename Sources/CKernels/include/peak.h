// What arithmetic a core can do at most: the yardstick for the network's kernels.
#pragma once
#include <stddef.h>

#include "kernels_isa.h"

/// Multiplies and adds, `rounds` times, in as many independent chains as keep the units busy, without touching memory.
/// Gives the floating-point operations done; `*result` keeps the compiler from leaving them out.
typedef double (*fathom_peak_kernel)(size_t rounds, float *result);

/// The measurement at an instruction set that the machine has.
fathom_peak_kernel fathom_peak_at(fathom_isa isa);
