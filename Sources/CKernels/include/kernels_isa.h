#pragma once

/// Instruction sets in rising order; a kernel runs at the highest that the machine has and the cap allows.
typedef enum fathom_isa {
    FATHOM_ISA_SCALAR = 0,
    FATHOM_ISA_AVX2 = 1,
    FATHOM_ISA_AVX512 = 2,
} fathom_isa;

/// The highest instruction set that this machine has.
fathom_isa fathom_isa_available(void);

/// The instruction set in use: the machine's, capped by FATHOM_ISA=scalar|avx2|avx512 in the environment or by `fathom_isa_cap`.
fathom_isa fathom_isa_current(void);

/// Caps the instruction set of every later kernel call in this process (tests and bug reports).
void fathom_isa_cap(fathom_isa highest);
