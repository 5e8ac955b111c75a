#pragma once
#include <stddef.h>
#include <stdint.h>

// Float samples to and from 16-bit big-endian samples, as frame dumps (RFC 4175) and PNG files carry them.
// Byte pointers need no alignment.

/// Writes round((value - minimum) * scale), kept within lowest…65535, big-endian. A NaN becomes 0.
/// Returns how many numbers lay outside the range by more than half a step.
size_t fathom_quantize_be16(
    const float *values, size_t count, float minimum, double scale, uint16_t lowest, uint8_t *bytes);

/// Reads big-endian samples as minimum + sample * step.
void fathom_dequantize_be16(
    const uint8_t *bytes, size_t count, double minimum, double step, float *values);

/// Writes IEEE 754 half floats, big-endian, rounded to nearest even; too large becomes infinite.
void fathom_float_to_half_be(const float *values, size_t count, uint8_t *bytes);

/// Reads big-endian IEEE 754 half floats; exact.
void fathom_half_to_float_be(const uint8_t *bytes, size_t count, float *values);

/// Writes row minus the row above, byte by byte: PNG's filter "Up" (PNG specification, section 9.2).
void fathom_png_filter_up(const uint8_t *row, const uint8_t *above, size_t count, uint8_t *filtered);
