// The layers for ncnn, whose wheel takes layers written in Python: they call this on one image after the other.
#include "operators/layer.h"

extern "C" {
// Why there is no layer for blobs like these, or null. size: of both sides of the padded plane; 0: over the channels.
const char *edge_layer_problem(int64_t channels, int64_t height, int64_t width, int64_t size) {
    const LayerShape shape = {1, channels, height, width, size, 0, 1, 1, 1};
    return layer_problem(shape);
}

// Steps: elements from one channel of a blob to the next, which ncnn pads. Returns null if memory ran out.
void *edge_layer_make(int64_t channels, int64_t height, int64_t width, int64_t size, int64_t x_step, int64_t y_step,
                      int threads) {
    const LayerShape shape = {1, channels, height, width, size, 0, x_step, y_step, threads};
    return layer_make(shape);
}
void edge_layer_free(void *layer) { layer_free((Layer *)layer); }

// scale: of the 2-D layer, or null. Returns 0, or 1 if memory ran out.
int edge_layer_run(void *layer, const float *x, float *y, const float *threshold, const float *scale) {
    return layer_run((Layer *)layer, x, y, threshold, scale);
}
}
