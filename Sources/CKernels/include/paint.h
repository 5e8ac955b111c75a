#pragma once
#include <stdint.h>

#include "kernels_isa.h"

// Painting of depth into Y'CbCr planes. A colour is packed as Y | Cb << 10 | Cr << 20 in the output's own code values
// (8 or 10 bit). Shares go from 0 to 256.

typedef struct fathom_paint_kernels {
    /// Brightness in 0...1 of a row of luma samples: (sample - offset) * scale.
    void (*brightness8)(float *out, const uint8_t *luma, float offset, float scale, long count);
    void (*brightness16)(float *out, const uint16_t *luma, float offset, float scale, long count);
    /// out[x] = table[clamp((depth[x] - origin) * scale, 0, entries - 1) to the nearest].
    void (*colours)(uint32_t *out, const float *depth, const uint32_t *table, float origin, float scale, long entries,
                    long count);
    /// The luma of packed colours mixed into a row by `share`.
    void (*luma8)(uint8_t *row, const uint32_t *colours, int share, long count);
    void (*luma16)(uint16_t *row, const uint32_t *colours, int share, long count);
    /// Chroma of two rows of packed colours, averaged over `step` (1 or 2) columns and both rows, mixed by `share`;
    /// count chroma samples are written, step * count colours are read from each row.
    void (*chroma8)(uint8_t *cb, uint8_t *cr, const uint32_t *above, const uint32_t *below, long step, int share,
                    long count);
    void (*chroma16)(uint16_t *cb, uint16_t *cr, const uint32_t *above, const uint32_t *below, long step, int share,
                     long count);
    /// row[x] += (values[x] - row[x]) * shares[x] / 256.
    void (*blend8)(uint8_t *row, const uint16_t *values, const uint16_t *shares, long count);
    void (*blend16)(uint16_t *row, const uint16_t *values, const uint16_t *shares, long count);
} fathom_paint_kernels;

/// The kernels of the instruction set in use.
const fathom_paint_kernels *fathom_paint(void);
/// The kernels of one instruction set, for tests; the machine must have it.
const fathom_paint_kernels *fathom_paint_of(fathom_isa isa);
