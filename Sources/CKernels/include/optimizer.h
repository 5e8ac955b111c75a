#pragma once
#include <stddef.h>

/// The numbers of one step of Adam that all elements share.
typedef struct {
    /// What a weight keeps: 1, or 1 less rate times decay where decay is decoupled (AdamW).
    float keep;
    /// The share of the weight that is added to the gradient: the decay of Adam, 0 for AdamW.
    float added;
    /// What gradients are multiplied by.
    float scale;
    /// 1 - beta1.
    float new_mean;
    /// beta2, and 1 - beta2.
    float old_square, new_square;
    /// The rate by the mean's bias, the square root of the square's bias, and what is added to the denominator.
    float size, root, epsilon;
} fathom_adam;

/// Moves weights and states by one step as torch.optim.Adam and AdamW do.
void fathom_adam_step(
    float *restrict weights, const float *restrict gradients, float *restrict means,
    float *restrict squares, size_t count, const fathom_adam *numbers);
