// Depthwise layers: 3x3 convolution and the multiplication-free members. Plain C interface.
#include "by_channels.h"
#include "by_rows.h"

static Pool pool;

// Planes this narrow leave too much of a vector empty: they go by channels.
enum { NARROWEST_ROW = VL / 2 + 1 };

static inline Work by_rows(int64_t member) {
    switch (member) {
        case PRODUCT: return rows_work<Product, Product>;
        case SUM: return rows_work<Sum, Sum>;
        case MINIMUM: return rows_work<FastMinimum, Minimum>;
        default: return rows_work<Match, Match>;
    }
}
template <class T> static inline Work by_channels(int64_t member) {
    switch (member) {
        case PRODUCT: return channels_work<Product, Product, T>;
        case SUM: return channels_work<Sum, Sum, T>;
        case MINIMUM: return channels_work<FastMinimum, Minimum, T>;
        default: return channels_work<Match, Match, T>;
    }
}

extern "C" {

int dw_interface() { return 1; }
int dw_vector_bytes() { return VL * 4; }
void dw_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// Input and output contiguous in their memory order; w and bias are float32. Returns 0, or 1 without memory.
int dw_forward(const int64_t *numbers, const void *x, void *y, const float *w, const float *bias, int threads) {
    Call call = {};
    memcpy(&call.g, numbers, sizeof call.g);
    const Layer &g = call.g;
    call.x = x;
    call.y = y;
    call.w = w;
    call.bias = bias;
    call.rows_out = (g.height - 1) / g.stride + 1;
    call.columns_out = (g.width - 1) / g.stride + 1;
    const int64_t bytes = g.images * g.channels * g.height * g.width * 4;
    const bool rows = g.kernel == 3 && g.stride == 1 && g.element == FLOAT32 && !g.channels_last
                      && g.width >= NARROWEST_ROW && g.height >= STRIP;
    if (rows) {
        call.prefetch = bytes > g.past_cache_bytes;
        call.past_cache = call.prefetch && g.width % VL == 0 && (uintptr_t)y % (VL * 4) == 0;
        const int64_t planes = g.images * g.channels;
        int64_t grain = (64 << 10) / (g.height * g.width * 4) + 1;
        if (grain > planes / (4 * threads)) grain = planes / (4 * threads);
        parallel_for(&pool, threads, planes, grain, by_rows(g.member), &call);
    } else {
        const int64_t units = (g.channels + VL - 1) / VL * g.images;
        const Work work = g.element == FLOAT32 ? by_channels<float>(g.member)
                          : g.element == BFLOAT16 ? by_channels<bf16>(g.member) : by_channels<fp16>(g.member);
        parallel_for(&pool, threads, units, units / (4 * threads), work, &call);
    }
    return call.failed;
}

}
