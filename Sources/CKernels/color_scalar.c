#include "color_variants.h"

#define NAME(x) fathom_color_##x##_8_scalar
#define SAMPLE uint8_t
#define MAXIMUM 255
#include "color_body.inc"
#undef NAME
#undef SAMPLE
#undef MAXIMUM

#define NAME(x) fathom_color_##x##_10_scalar
#define SAMPLE uint16_t
#define MAXIMUM 1023
#include "color_body.inc"
