// Counts what a thread asks of the allocator: the test program's own malloc stands before the C library's.
#pragma once
#include <stddef.h>

/// Whether allocations can be counted in this build; not under a sanitizer, which has an allocator of its own.
int allocation_counter_works(void);

/// Begins to count the calling thread's allocations.
void allocation_counter_start(void);

/// Ends it; gives how many there were.
size_t allocation_counter_stop(void);
