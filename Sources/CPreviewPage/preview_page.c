#include "CPreviewPage.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char html[] = {
#embed "page.html"
};
static const unsigned char style[] = {
#embed "page.css"
};
static const unsigned char script[] = {
#embed "page.js"
};
static const unsigned char icon[] = {
#embed "icon.svg"
};

static const fathom_page_file files[] = {
    {"/", "text/html; charset=utf-8", html, sizeof html},
    {"/page.css", "text/css; charset=utf-8", style, sizeof style},
    {"/page.js", "text/javascript; charset=utf-8", script, sizeof script},
    {"/icon.svg", "image/svg+xml", icon, sizeof icon},
};

const fathom_page_file *fathom_page_files(size_t *count) {
    *count = sizeof files / sizeof *files;
    return files;
}
