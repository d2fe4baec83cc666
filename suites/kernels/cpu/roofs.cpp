// What this machine can do at most, measured the way the kernels work: copies and arithmetic.
#include "threads.h"
#include "vec.h"

static Pool pool;

struct Copy {
    const float *from;
    float *to;
    int64_t vectors;
    bool past_cache;
};
static const int64_t PIECE = 4096;  // vectors of one chunk

static void copy_chunks(void *context, int64_t begin, int64_t end) {
    const Copy &copy = *(const Copy *)context;
    int64_t last = end * PIECE < copy.vectors ? end * PIECE : copy.vectors;
    if (copy.past_cache) {
        for (int64_t i = begin * PIECE; i < last; i++) store_past_cache(copy.to + i * VL, load(copy.from + i * VL));
        fence_stores();
    } else {
        for (int64_t i = begin * PIECE; i < last; i += PIECE)
            __builtin_memcpy(copy.to + i * VL, copy.from + i * VL, (last - i < PIECE ? last - i : PIECE) * sizeof(vf));
    }
}

struct Peak {
    int64_t rounds;
    float result[64];
};

static void peak_chunk(void *context, int64_t begin, int64_t) {
    Peak &peak = *(Peak *)context;
    vf sums[12];
    const vf a = splat(1.0f + 1e-7f * (float)begin), b = splat(1e-9f);
    Each<12>::run([&](int i) UNROLLED { sums[i] = splat((float)i); });
    for (int64_t r = 0; r < peak.rounds; r++) {
        Each<12>::run([&](int i) UNROLLED { sums[i] = sums[i] * a + b; });
    }
    vf total = sums[0];
    Each<12>::run([&](int i) UNROLLED { total += sums[i]; });
    peak.result[begin % 64] = total[0];
}

extern "C" {

void wht_set_pool_roofs(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// Copies `bytes` (a multiple of the vector's; both 64-byte aligned), past the caches or by memcpy.
void wht_copy(const void *from, void *to, int64_t bytes, int past_cache, int threads) {
    Copy copy = {(const float *)from, (float *)to, bytes / (int64_t)sizeof(vf), past_cache != 0};
    int64_t pieces = (copy.vectors + PIECE - 1) / PIECE;
    parallel_for(&pool, threads, pieces, (pieces + threads * 4 - 1) / (threads * 4), copy_chunks, &copy);
}

// Multiplies and adds `rounds` times twelve vectors on each thread; returns the floating-point operations done.
int64_t wht_multiply_add(int64_t rounds, int threads, float *sink) {
    Peak peak = {rounds, {0}};
    if (threads > 64) threads = 64;
    parallel_for(&pool, threads, threads, 1, peak_chunk, &peak);
    *sink = peak.result[0];
    return rounds * threads * 12 * VL * 2;
}
}
