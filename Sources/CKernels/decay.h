// The exponential of weights: shared by softmax and attention, for vectors of any width.
#pragma once

/// Defines NAME(x) = eˣ for x ≤ 0, to within 2 units in the last place; below −87 as at −87. FLOATS and WHOLES are
/// vectors of as many float and int32_t.
#define DEFINE_DECAY(NAME, FLOATS, WHOLES)                                                                            \
    static inline __attribute__((always_inline)) FLOATS NAME(FLOATS x) {                                              \
        const FLOATS least = (FLOATS){} - 87.0f;                                                                      \
        x = __builtin_elementwise_max(x, least);                                                                      \
        const FLOATS magic = (FLOATS){} + 12582912.0f; /* 1.5 · 2²³: adding it rounds to a whole number */            \
        const FLOATS shifted = x * 1.44269504f + magic;                                                               \
        const FLOATS n = shifted - magic;                                                                             \
        const FLOATS r = (x - n * 0.693359375f) + n * 2.12194440e-4f;                                                 \
        FLOATS p = r * 1.3888889e-3f + 8.3333333e-3f;                                                                 \
        p = p * r + 4.1666667e-2f;                                                                                    \
        p = p * r + 1.6666667e-1f;                                                                                    \
        p = p * r + 0.5f;                                                                                             \
        p = p * r + 1.0f;                                                                                             \
        p = p * r + 1.0f;                                                                                             \
        /* The whole number is in the low bits of `shifted`. */                                                       \
        return (FLOATS)((WHOLES)p + ((WHOLES)shifted << 23));                                                         \
    }
