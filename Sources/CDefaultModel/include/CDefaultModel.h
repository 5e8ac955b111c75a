#pragma once
#include <stddef.h>

/// The default network's ONNX file, part of the program itself.
const unsigned char *fathom_default_model_bytes(void);
size_t fathom_default_model_size(void);
