#include "optimizer.h"

// In C for the sake of `restrict` and of a square root without errno: with both, the loop becomes vectors.
void fathom_adam_step(
    float *restrict weights, const float *restrict gradients, float *restrict means,
    float *restrict squares, size_t count, const fathom_adam *numbers) {
    const fathom_adam n = *numbers;
    for (size_t i = 0; i < count; i++) {
        const float gradient = n.scale * gradients[i] + n.added * weights[i];
        const float mean = means[i] + n.new_mean * (gradient - means[i]);
        const float square = n.old_square * squares[i] + n.new_square * gradient * gradient;
        means[i] = mean;
        squares[i] = square;
        const float width = __builtin_elementwise_sqrt(square) / n.root + n.epsilon;
        weights[i] = weights[i] * n.keep - n.size * (mean / width);
    }
}
