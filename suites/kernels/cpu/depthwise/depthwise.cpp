// Depthwise layers: 3x3 convolution and the multiplication-free members. Plain C interface.
#include "pack.h"

static Pool pool;

extern "C" {

int depthwise_interface() { return 1; }
int depthwise_vector_bytes() { return VL * 4; }
void depthwise_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// A packing is (channels, taps, member, by rows), all int64: which of two orders a layer reads says depthwise_by_rows.
int depthwise_by_rows(const int64_t *numbers) {
    Layer g;
    memcpy(&g, numbers, sizeof g);
    return goes_by_rows(g);
}
int64_t depthwise_packed_floats(const int64_t *packing) { return ((const Packing *)packing)->floats(); }

// From weights (channels, kernel, kernel) and a bias (channels) or null, all float32; `scale` is that of all terms, not
// of the bias.
void depthwise_pack(const int64_t *packing, const float *w, const float *bias, float scale, float *to) {
    pack(*(const Packing *)packing, w, bias, scale, to);
}

// Input and output contiguous in their memory order. Returns 0, or 1 without memory.
int depthwise_forward(const int64_t *numbers, const void *x, void *y, const float *packed, int threads) {
    Call call = {};
    memcpy(&call.g, numbers, sizeof call.g);
    const Layer &g = call.g;
    call.x = x;
    call.y = y;
    call.packed = packed_at(packing_of(g), packed);
    call.rows_out = (g.height - 1) / g.stride + 1;
    call.columns_out = (g.width - 1) / g.stride + 1;
    const int64_t bytes = g.images * g.channels * g.height * g.width * 4;
    if (goes_by_rows(g)) {
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
