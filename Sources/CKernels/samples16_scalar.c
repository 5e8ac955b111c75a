#include "samples16.h"

#include <string.h>

// Plain loops only: a frame passes here once, on its way to a disk or a socket, which are slower.

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void put_be16(uint8_t *bytes, uint32_t sample) {
    bytes[0] = (uint8_t)(sample >> 8);
    bytes[1] = (uint8_t)sample;
}

size_t fathom_quantize_be16(
    const float *values, size_t count, float minimum, double scale, uint16_t lowest,
    uint8_t *bytes) {
    size_t clamped = 0;
    for (size_t i = 0; i < count; i++) {
        // In double: rounding must not spend any of the half step that a reader is promised.
        double position = ((double)values[i] - (double)minimum) * scale;
        clamped += position < -0.5 || position > 65535.5;
        double bounded = position < lowest ? lowest : position > 65535.0 ? 65535.0 : position;
        put_be16(bytes + 2 * i, position == position ? (uint32_t)(bounded + 0.5) : 0);
    }
    return clamped;
}

void fathom_dequantize_be16(
    const uint8_t *bytes, size_t count, double minimum, double step, float *values) {
    for (size_t i = 0; i < count; i++) {
        uint32_t sample = (uint32_t)bytes[2 * i] << 8 | bytes[2 * i + 1];
        values[i] = (float)(minimum + sample * step);
    }
}

void fathom_float_to_half_be(const float *values, size_t count, uint8_t *bytes) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(values[i]);
        uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
        // Normal numbers: rebias the exponent by 15 - 127; add half a unit less one, and the lowest kept bit.
        uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
        // Subnormal ones (below 2^-14): adding 0.5 leaves them, rounded to even, in the sum's lowest bits.
        uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
        uint32_t half = magnitude < (113u << 23) ? subnormal : normal;
        if (magnitude >= 0x477ff000) half = 0x7c00;
        if (magnitude > 0x7f800000) half = 0x7e00;
        put_be16(bytes + 2 * i, sign | half);
    }
}

void fathom_half_to_float_be(const uint8_t *bytes, size_t count, float *values) {
    const float smallest = 0x1p-24f;
    for (size_t i = 0; i < count; i++) {
        uint32_t half = (uint32_t)bytes[2 * i] << 8 | bytes[2 * i + 1];
        uint32_t sign = (half & 0x8000) << 16, magnitude = half & 0x7fff;
        uint32_t normal = (magnitude << 13) + (112u << 23);
        uint32_t subnormal = bits_of((float)magnitude * smallest);
        uint32_t special = magnitude << 13 | 0x7f800000;
        uint32_t bits = magnitude < 0x0400 ? subnormal : magnitude >= 0x7c00 ? special : normal;
        values[i] = float_of(sign | bits);
    }
}

void fathom_png_filter_up(
    const uint8_t *row, const uint8_t *above, size_t count, uint8_t *filtered) {
    for (size_t i = 0; i < count; i++) filtered[i] = (uint8_t)(row[i] - above[i]);
}
