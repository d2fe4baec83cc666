// The 1-D layer for ncnn, whose wheel takes layers written in Python: they call this on one image after the other.
#include "operators/layer.h"

extern "C" {
// Steps: elements from one channel of a blob to the next, which ncnn pads. Returns null if memory ran out.
void *edge_layer_make(int64_t channels, int64_t pixels, int64_t x_step, int64_t y_step, int threads) {
    return layer_make(1, channels, pixels, x_step, y_step, threads);
}
void edge_layer_free(void *layer) { layer_free((Layer *)layer); }

// Returns 0, or 1 if memory ran out.
int edge_layer_run(void *layer, const float *x, float *y, const float *threshold) {
    return layer_run((Layer *)layer, x, y, threshold);
}
}
