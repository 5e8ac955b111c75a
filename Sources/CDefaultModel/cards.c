#include "CDefaultModel.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// The first that fits is taken, so the particular ones come first.
static const char depth_anything_metric[] = {
#embed "../../Configs/models/depth-anything-metric.yaml"
    , 0};
static const char depth_anything[] = {
#embed "../../Configs/models/depth-anything.yaml"
    , 0};
static const char dpt[] = {
#embed "../../Configs/models/dpt.yaml"
    , 0};
static const char monodepth2[] = {
#embed "../../Configs/models/monodepth2.yaml"
    , 0};
static const char glpn[] = {
#embed "../../Configs/models/glpn.yaml"
    , 0};
static const char midas_small[] = {
#embed "../../Configs/models/midas-small.yaml"
    , 0};

static const char *const cards[] = {depth_anything_metric, depth_anything, dpt, monodepth2, glpn, midas_small};

const char *fathom_model_card(size_t index) {
    return index < sizeof cards / sizeof *cards ? cards[index] : NULL;
}
