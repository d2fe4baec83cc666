// Forward of the 1-D Walsh-Hadamard layer on bytes: transform along the channels, threshold, inverse, in 16 bits, with one
// read and one write of memory. Plain C interface.
#include "passes.h"
#include "threads.h"

static Pool pool;

struct Call {
    Layer g;
    Tables tables;
    const uint8_t *x;
    uint8_t *y;
    uint8_t pad[TILE];
    int failed;  // set to 1 by a thread that found no memory
};

static inline int64_t tiles_of(const Layer &g) { return (g.pixels + TILE - 1) / TILE; }
static inline int64_t blocks_of(const Layer &g) { return 1 << g.first_bits; }

static INLINE void middle(const Layer &g, int16_t *block, int64_t row, int64_t shift) {
    switch (g.middle_bits * 2 + (shift > 0)) {
        case 2: return middle_pass<2, false>(block, row, shift);
        case 3: return middle_pass<2, true>(block, row, shift);
        case 4: return middle_pass<4, false>(block, row, shift);
        case 5: return middle_pass<4, true>(block, row, shift);
        case 6: return middle_pass<8, false>(block, row, shift);
        case 7: return middle_pass<8, true>(block, row, shift);
        case 8: return middle_pass<16, false>(block, row, shift);
        case 9: return middle_pass<16, true>(block, row, shift);
    }
}

template <int KIND> static INLINE void core(const Call &call, int16_t *block, const Scratch &s, int64_t low) {
    const Layer &g = call.g;
    if (g.forward_shift) return core_pass<KIND, true, true>(g, call.tables, block, s, low);
    if (g.core_shift) return core_pass<KIND, false, true>(g, call.tables, block, s, low);
    return core_pass<KIND, false, false>(g, call.tables, block, s, low);
}

static INLINE void first(const Call &call, const uint8_t *x, int64_t width, const Scratch &s) {
    switch (call.g.first_bits) {
        case 1: return first_pass<2>(call.g, x, width, call.pad, s);
        case 2: return first_pass<4>(call.g, x, width, call.pad, s);
        case 3: return first_pass<8>(call.g, x, width, call.pad, s);
        default: return first_pass<16>(call.g, x, width, call.pad, s);
    }
}

static INLINE void last(const Layer &g, const Scratch &s, int64_t width, uint8_t *y) {
    switch (g.first_bits * 2 + (g.last_shift > 0)) {
        case 2: return last_pass<2, false>(g, s, width, y);
        case 3: return last_pass<2, true>(g, s, width, y);
        case 4: return last_pass<4, false>(g, s, width, y);
        case 5: return last_pass<4, true>(g, s, width, y);
        case 6: return last_pass<8, false>(g, s, width, y);
        case 7: return last_pass<8, true>(g, s, width, y);
        case 8: return last_pass<16, false>(g, s, width, y);
        default: return last_pass<16, true>(g, s, width, y);
    }
}

static void tiles(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Layer &g = call.g;
    const int64_t rows = g.size >> g.first_bits, count = tiles_of(g);
    Scratch s;
    s.words = (int16_t *)arena(SCRATCH, blocks_of(g) * (rows * TILE + BLOCK_PAD) * sizeof(int16_t));
    if (!s.words) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit / count, pixel = unit % count * TILE;
        const int64_t rest = g.pixels - pixel, width = rest < TILE ? rest : (int64_t)TILE;
        s.columns = (width + LANES - 1) / LANES;
        s.row = s.columns * LANES;
        s.block = rows * s.row + BLOCK_PAD;
        first(call, call.x + image * g.channels * g.pixels + pixel, width, s);
        const int64_t next = unit + 1;
        const uint8_t *ahead = next < end ? call.x + next / count * g.channels * g.pixels + next % count * TILE : 0;
        for (int64_t low = 0; low < blocks_of(g); low++) {
            int16_t *block = s.words + low * s.block;
            if (ahead) {
                const int64_t until = (low + 1) * rows < g.channels ? (low + 1) * rows : g.channels;
                for (int64_t row = low * rows; row < until; row++) __builtin_prefetch(ahead + row * g.pixels, 0, 2);
            }
            middle(g, block, s.row, 0);
            if (g.nonlinearity == SMOOTH) core<SMOOTH>(call, block, s, low);
            else core<SOFT>(call, block, s, low);
            middle(g, block, s.row, g.middle_shift);
        }
        last(g, s, width, call.y + image * g.out_channels * g.pixels + pixel);
    }
}

extern "C" {

int int8_interface() { return 1; }
int int8_vector_bytes() { return WORD_BYTES; }
void int8_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// Input (images, channels, pixels) and output (images, out_channels, pixels) contiguous bytes; `tables`: thresholds in the
// order of the core, then starts and rises of tanh's pieces. Returns 0, or 1 without memory.
int int8_forward(const int64_t *numbers, const void *x, void *y, const int16_t *tables, int threads) {
    Call call = {};
    memcpy(&call.g, numbers, sizeof call.g);
    call.tables.thresholds = tables;
    call.tables.starts = tables + call.g.size;
    call.tables.rises = call.tables.starts + PIECES;
    call.x = (const uint8_t *)x;
    call.y = (uint8_t *)y;
    memset(call.pad, (int)call.g.pad, sizeof call.pad);
    const int64_t units = call.g.images * tiles_of(call.g);
    parallel_for(&pool, threads, units, units / (8 * (threads < 1 ? 1 : threads)), tiles, &call);
    return call.failed;
}

}
