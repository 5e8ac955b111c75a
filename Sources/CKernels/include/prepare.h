#pragma once
#include <stdint.h>

#include "kernels_isa.h"

// Picture to network tensor: rows of planes are averaged down the columns, then along the row, then turned into
// normalised RGB. Callers check every size; weights of one output sample add up to 1.

/// How a row of Y'CbCr samples (at the network's width) becomes three rows of normalised RGB.
typedef struct fathom_prepare_colour {
    /// Y' in 0...1 = (sample - luma_offset) * luma_scale; chroma in -0.5...0.5 = (sample - chroma_offset) * chroma_scale.
    float luma_offset, luma_scale, chroma_offset, chroma_scale;
    /// R = Y' + red_v Cr, G = Y' + green_u Cb + green_v Cr, B = Y' + blue_u Cb.
    float red_v, green_u, green_v, blue_u;
    /// Output = (clamped RGB - mean) * inverse_deviation.
    float mean[3], inverse_deviation[3];
} fathom_prepare_colour;

typedef struct fathom_prepare_kernels {
    /// out[x] = sum over k of weights[k] * rows[k][x], 8-bit samples, x < count.
    void (*columns8)(float *out, const uint8_t *const *rows, const float *weights, long taps, long count);
    /// The same for 16-bit samples.
    void (*columns16)(float *out, const uint16_t *const *rows, const float *weights, long taps, long count);
    /// out[x] = sum over k of weights[k * count + x] * row[first[x] + k].
    void (*along)(float *out, const float *row, const int32_t *first, const float *weights, long taps, long count);
    /// One row of Y, Cb, Cr (same width) to planes R, G, B and to brightness in 0...1.
    void (*colour)(float *red, float *green, float *blue, float *brightness, const float *y, const float *u,
                   const float *v, const fathom_prepare_colour *how, long count);
} fathom_prepare_kernels;

/// The kernels of the instruction set in use.
const fathom_prepare_kernels *fathom_prepare(void);
/// The kernels of one instruction set, for tests; the machine must have it.
const fathom_prepare_kernels *fathom_prepare_of(fathom_isa isa);
