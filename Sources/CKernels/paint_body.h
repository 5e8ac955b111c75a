// The body of the paint family, included once for each instruction set with KERNEL(name) defined.
#include "paint.h"

#define PAINT(sample, bits)                                                                                         \
    static void KERNEL(brightness##bits)(float *restrict out, const sample *restrict luma, float offset, float scale, \
                                         long count) {                                                              \
        for (long x = 0; x < count; x++) out[x] = ((float)luma[x] - offset) * scale;                                \
    }                                                                                                               \
    static void KERNEL(luma##bits)(sample *restrict row, const uint32_t *restrict colours, int share, long count) { \
        if (share >= 256) {                                                                                         \
            for (long x = 0; x < count; x++) row[x] = (sample)(colours[x] & 1023);                                  \
            return;                                                                                                 \
        }                                                                                                           \
        for (long x = 0; x < count; x++) {                                                                          \
            int old = row[x], new = (int)(colours[x] & 1023);                                                       \
            row[x] = (sample)((old * (256 - share) + new * share + 128) >> 8);                                      \
        }                                                                                                           \
    }                                                                                                               \
    static void KERNEL(chroma##bits)(sample *restrict cb, sample *restrict cr, const uint32_t *restrict above,      \
                                     const uint32_t *restrict below, long step, int share, long count) {            \
        if (step == 2) {                                                                                            \
            for (long x = 0; x < count; x++) {                                                                      \
                uint32_t a = above[2 * x], b = above[2 * x + 1], c = below[2 * x], d = below[2 * x + 1];            \
                uint32_t u = (a >> 10 & 1023) + (b >> 10 & 1023) + (c >> 10 & 1023) + (d >> 10 & 1023);             \
                uint32_t v = (a >> 20) + (b >> 20) + (c >> 20) + (d >> 20);                                         \
                cb[x] = (sample)((cb[x] * (uint32_t)(256 - share) * 4 + u * (uint32_t)share + 512) >> 10);          \
                cr[x] = (sample)((cr[x] * (uint32_t)(256 - share) * 4 + v * (uint32_t)share + 512) >> 10);          \
            }                                                                                                       \
        } else {                                                                                                    \
            for (long x = 0; x < count; x++) {                                                                      \
                uint32_t u = (above[x] >> 10 & 1023) + (below[x] >> 10 & 1023);                                     \
                uint32_t v = (above[x] >> 20) + (below[x] >> 20);                                                   \
                cb[x] = (sample)((cb[x] * (uint32_t)(256 - share) * 2 + u * (uint32_t)share + 256) >> 9);           \
                cr[x] = (sample)((cr[x] * (uint32_t)(256 - share) * 2 + v * (uint32_t)share + 256) >> 9);           \
            }                                                                                                       \
        }                                                                                                           \
    }                                                                                                               \
    static void KERNEL(blend##bits)(sample *restrict row, const uint16_t *restrict values,                          \
                                    const uint16_t *restrict shares, long count) {                                  \
        for (long x = 0; x < count; x++) {                                                                          \
            int old = row[x], share = shares[x];                                                                    \
            row[x] = (sample)((old * (256 - share) + values[x] * share + 128) >> 8);                                \
        }                                                                                                           \
    }

PAINT(uint8_t, 8)
PAINT(uint16_t, 16)

static void KERNEL(colours)(uint32_t *restrict out, const float *restrict depth, const uint32_t *restrict table,
                            float origin, float scale, long entries, long count) {
    float last = (float)(entries - 1);
    for (long x = 0; x < count; x++) {
        float place = (depth[x] - origin) * scale;
        place = place > 0 ? place : 0;  // also not-a-number
        place = place < last ? place : last;
        out[x] = table[(int)(place + 0.5f)];
    }
}

const fathom_paint_kernels KERNEL(fathom_paint) = {
    .brightness8 = KERNEL(brightness8),
    .brightness16 = KERNEL(brightness16),
    .colours = KERNEL(colours),
    .luma8 = KERNEL(luma8),
    .luma16 = KERNEL(luma16),
    .chroma8 = KERNEL(chroma8),
    .chroma16 = KERNEL(chroma16),
    .blend8 = KERNEL(blend8),
    .blend16 = KERNEL(blend16),
};
