// An 8×8 transposition in registers, for kernels that change the order of axes. Compiled once for each instruction
// set, by the target attribute around the file that includes it.
#pragma once

typedef float row8 __attribute__((vector_size(32), aligned(4)));

#define ROW8_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define ROW8_HIGH(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define ROW8_FIRST(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define ROW8_SECOND(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define ROW8_LOWER(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define ROW8_UPPER(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

/// Eight rows, `SOURCE(r)` each the address of eight numbers, to eight columns: `TARGET(c)` is where the c-th number
/// of every row goes.
#define TRANSPOSE8(SOURCE, TARGET)                                                                                    \
    do {                                                                                                              \
        const row8 a0 = *(const row8 *)(SOURCE(0)), a1 = *(const row8 *)(SOURCE(1));                                  \
        const row8 a2 = *(const row8 *)(SOURCE(2)), a3 = *(const row8 *)(SOURCE(3));                                  \
        const row8 a4 = *(const row8 *)(SOURCE(4)), a5 = *(const row8 *)(SOURCE(5));                                  \
        const row8 a6 = *(const row8 *)(SOURCE(6)), a7 = *(const row8 *)(SOURCE(7));                                  \
        const row8 b0 = ROW8_LOW(a0, a1), b1 = ROW8_HIGH(a0, a1), b2 = ROW8_LOW(a2, a3), b3 = ROW8_HIGH(a2, a3);      \
        const row8 b4 = ROW8_LOW(a4, a5), b5 = ROW8_HIGH(a4, a5), b6 = ROW8_LOW(a6, a7), b7 = ROW8_HIGH(a6, a7);      \
        const row8 c0 = ROW8_FIRST(b0, b2), c1 = ROW8_SECOND(b0, b2), c2 = ROW8_FIRST(b1, b3);                        \
        const row8 c3 = ROW8_SECOND(b1, b3), c4 = ROW8_FIRST(b4, b6), c5 = ROW8_SECOND(b4, b6);                       \
        const row8 c6 = ROW8_FIRST(b5, b7), c7 = ROW8_SECOND(b5, b7);                                                 \
        *(row8 *)(TARGET(0)) = ROW8_LOWER(c0, c4);                                                                    \
        *(row8 *)(TARGET(1)) = ROW8_LOWER(c1, c5);                                                                    \
        *(row8 *)(TARGET(2)) = ROW8_LOWER(c2, c6);                                                                    \
        *(row8 *)(TARGET(3)) = ROW8_LOWER(c3, c7);                                                                    \
        *(row8 *)(TARGET(4)) = ROW8_UPPER(c0, c4);                                                                    \
        *(row8 *)(TARGET(5)) = ROW8_UPPER(c1, c5);                                                                    \
        *(row8 *)(TARGET(6)) = ROW8_UPPER(c2, c6);                                                                    \
        *(row8 *)(TARGET(7)) = ROW8_UPPER(c3, c7);                                                                    \
    } while (0)
