#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_isa.h"

static _Atomic int cap = -1;

fathom_isa fathom_isa_available(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return FATHOM_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return FATHOM_ISA_AVX2;
#endif
    return FATHOM_ISA_SCALAR;
}

static int cap_from_environment(void) {
    const char *name = getenv("FATHOM_ISA");
    if (name && strcmp(name, "scalar") == 0) return FATHOM_ISA_SCALAR;
    if (name && strcmp(name, "avx2") == 0) return FATHOM_ISA_AVX2;
    return FATHOM_ISA_AVX512;
}

fathom_isa fathom_isa_current(void) {
    int highest = atomic_load_explicit(&cap, memory_order_relaxed);
    if (highest < 0) {
        int available = fathom_isa_available();
        int wanted = cap_from_environment();
        highest = wanted < available ? wanted : available;
        atomic_store_explicit(&cap, highest, memory_order_relaxed);
    }
    return (fathom_isa)highest;
}

void fathom_isa_cap(fathom_isa highest) {
    fathom_isa available = fathom_isa_available();
    atomic_store_explicit(&cap, highest < available ? highest : available, memory_order_relaxed);
}
