#pragma once

/// Tells the processor that a thread is waiting in a short loop.
static inline void fathom_spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
