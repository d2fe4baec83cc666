// Depthwise layers: 3x3 convolution and the multiplication-free members. Plain C interface.
#include "layer.h"

static Pool pool;

extern "C" {

int depthwise_interface() { return 1; }
int depthwise_vector_bytes() { return VL * 4; }
void depthwise_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// Input and output contiguous in their memory order; w and bias are float32. Returns 0, or 1 without memory.
int depthwise_forward(const int64_t *numbers, const void *x, void *y, const float *w, const float *bias, float scale,
                      int threads) {
    Call call = {};
    memcpy(&call.g, numbers, sizeof call.g);
    const Layer &g = call.g;
    call.x = x;
    call.y = y;
    call.w = w;
    call.bias = bias;
    call.scale = scale;
    call.rows_out = (g.height - 1) / g.stride + 1;
    call.columns_out = (g.width - 1) / g.stride + 1;
    const int64_t bytes = g.images * g.channels * g.height * g.width * 4;
    const bool rows = g.kernel == 3 && g.stride == 1 && g.element == FLOAT32 && !g.channels_last
                      && g.width >= NARROWEST_ROW && g.height >= SHORTEST_COLUMN;
    if (rows) {
        call.prefetch = bytes > g.past_cache_bytes;
        call.past_cache = call.prefetch && g.width % VL == 0 && (uintptr_t)y % (VL * 4) == 0;
        const int64_t planes = g.images * g.channels;
        int64_t grain = (64 << 10) / (g.height * g.width * 4) + 1;
        if (grain > planes / (4 * threads)) grain = planes / (4 * threads);
        parallel_for(&pool, threads, planes, grain, rows_of(g.member), &call);
    } else {
        int64_t rows_in, row_pixels;
        const int64_t band = rows_of_band(call, g.member == SUM ? 2 : 1, &rows_in, &row_pixels);
        const int64_t units = g.images * (g.channels_last ? (call.rows_out + band - 1) / band : groups_of(g));
        parallel_for(&pool, threads, units, units / (4 * threads), channels_of(g.member, g.element),
                     &call);
    }
    return call.failed;
}

}
