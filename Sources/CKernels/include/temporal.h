#pragma once
#include <stdint.h>

#include "kernels_isa.h"

// Following depth from frame to frame: where a block of the picture was in the frame before, and how much of the
// carried depth to keep at a pixel.

/// What decides how much of the carried value stays.
typedef struct fathom_temporal_weights {
    /// The share that stays where nothing changed, 0...1.
    float keep;
    /// The change of brightness (0...1, after motion) at which the share has fallen to a half.
    float brightness_scale;
    /// The change of depth, as part of the frame's range of depth, at which the share has fallen to a half.
    float depth_scale;
    /// What the carried depth is multiplied by first.
    float carried_scale;
} fathom_temporal_weights;

typedef struct fathom_temporal_kernels {
    /// Mean of 2x2 brightness values as 0...255: out has width / 2 samples.
    void (*halve)(uint8_t *out, const float *above, const float *below, long count);
    /// Sums of absolute differences of an 8x8 block against `count` blocks whose left edges are 1 apart.
    void (*differences)(uint16_t *sums, const uint8_t *block, long stride, const uint8_t *candidates,
                        long candidate_stride, long count);
    /// What was at (x + dx[x], y + dy[x]) in the last depth and brightness (width * height, linear, edges replicated).
    void (*carry)(float *out_depth, float *out_brightness, const float *depth, const float *brightness, long width,
                  long height, long y, const float *dx, const float *dy);
    /// out = depth + share * (carried_scale * carried - depth); the share falls with the changes of brightness and depth; out may be
    /// depth.
    void (*mix)(float *out, const float *depth, const float *carried, const float *change,
                const fathom_temporal_weights *how, float depth_range, long count);
} fathom_temporal_kernels;

/// The kernels of the instruction set in use.
const fathom_temporal_kernels *fathom_temporal(void);
/// The kernels of one instruction set, for tests; the machine must have it.
const fathom_temporal_kernels *fathom_temporal_of(fathom_isa isa);
