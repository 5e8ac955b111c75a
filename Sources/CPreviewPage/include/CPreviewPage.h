#pragma once
#include <stddef.h>

/// A file of the preview page, part of the program itself.
typedef struct {
    /// Where it is served.
    const char *path;
    /// Its media type.
    const char *type;
    const unsigned char *bytes;
    size_t size;
} fathom_page_file;

/// The files, the page itself first.
const fathom_page_file *fathom_page_files(size_t *count);
