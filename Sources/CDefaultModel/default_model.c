#include "CDefaultModel.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char bytes[] = {
#embed "starter.onnx"
};

const unsigned char *fathom_default_model_bytes(void) { return bytes; }

size_t fathom_default_model_size(void) { return sizeof bytes; }
