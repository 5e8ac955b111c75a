#pragma once
#include <stddef.h>

/// The default network's ONNX file, part of the program itself.
const unsigned char *fathom_default_model_bytes(void);
size_t fathom_default_model_size(void);

/// The card of a known network (YAML of Configs/models, zero-terminated), in the order in which they are tried; NULL
/// behind the last.
const char *fathom_model_card(size_t index);
