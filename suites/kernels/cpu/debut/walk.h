// One tile: its input, the walk of the chain, its output.
#pragma once
#include "plan.h"
#include "threads.h"

// The memory of one thread, and the tile it works on.
struct Tile {
    const Call *call;
    float *buffers, *rows_out, *rows_in, *copy;
    int64_t image, first;     // the tile's image and first position
    const float *base;        // of the features at the first position
    bool masked;              // some lanes of some tap lie outside the plane
    bool gathered;            // the features lie in rows_in, one after the other
    Lanes lanes[MOST_TAPS][MOST_VECTORS];
    Sink sink;
    bool scattered;           // the last group writes rows_out, not the output itself
};

enum Reading { WHOLE, MASKED, BY_ROW };

// Outputs [from, from + R) of `count` blocks of the first factor (t = 1), read through the table or from rows.
template <int V, int R, Reading READ>
static INLINE void first_rows(const Tile &tile, const Group &g, int64_t block, int64_t count, float *out, int64_t from) {
    const Entry *e = tile.call->plan->entries + block * g.s1;
    const float *w = tile.call->packed + g.weights + block * g.block_weights;
    const int64_t r = g.r1, s = g.s1;
    const float *base = tile.base, *row = tile.rows_in + block * s * V * VL;
    const int64_t ahead = BLOCKS_AHEAD * s;
    for (int64_t b = 0; b < count; b++) {
        vf sum[R][V];
        Each<R>::run([&](int i) UNROLLED { Each<V>::run([&](int v) UNROLLED { sum[i][v] = splat(0); }); });
        const float *weights = w + from;
        for (int64_t j = 0; j < s; j++, weights += r) {
            const float *x = READ == BY_ROW ? row + j * V * VL : base + e[j].offset;
            vf value[V];
            Each<V>::run([&](int v) UNROLLED {
#if MASKED_LANES
                if (READ == MASKED) value[v] = load_lanes(x + v * VL, tile.lanes[e[j].tap][v]);
                else value[v] = load(x + v * VL);
#else
                value[v] = load(x + v * VL);
#endif
            });
            if (READ != BY_ROW && from == 0)
                Each<V>::run([&](int v) UNROLLED { __builtin_prefetch(base + e[j + ahead].offset + v * VL); });
            Each<R>::run([&](int i) UNROLLED {
                vf weight = splat(weights[i]);
                Each<V>::run([&](int v) UNROLLED { sum[i][v] += weight * value[v]; });
            });
        }
        Each<R>::run([&](int i) UNROLLED {
            Each<V>::run([&](int v) UNROLLED { store(out + ((from + i) * V + v) * VL, sum[i][v]); });
        });
        e += s;
        row += s * V * VL;
        w += r * s;
        out += r * V * VL;
    }
}

template <int V, Reading READ>
static NOINLINE void first_stage(const Tile &tile, const Group &g, int64_t block, int64_t count, float *out) {
    int64_t from = 0;
    for (; from + MOST_SUMS <= g.r1; from += MOST_SUMS)
        first_rows<V, MOST_SUMS, READ>(tile, g, block, count, out, from);
#if MOST_SUMS > 4
    for (; from + 4 <= g.r1; from += 4) first_rows<V, 4, READ>(tile, g, block, count, out, from);
#endif
    for (; from + 2 <= g.r1; from += 2) first_rows<V, 2, READ>(tile, g, block, count, out, from);
    for (; from < g.r1; from++) first_rows<V, 1, READ>(tile, g, block, count, out, from);
}

#if MASKED_LANES
// The same of a plane that one vector holds: each channel is loaded once and its taps are moved lanes.
template <int R>
static INLINE void moved_rows(const Tile &tile, const Group &g, int64_t block, int64_t count, float *out, int64_t from) {
    const Plan &plan = *tile.call->plan;
    const float *w = tile.call->packed + g.weights + block * g.block_weights + from;
    const int64_t r = g.r1, channel = plan.g.x_channel;
    const float *x = tile.base + block * channel;
    const Lanes whole = first_lanes(plan.plane);
    vi places[MOVED_TAPS];
    Each<MOVED_TAPS>::run([&](int j) UNROLLED { places[j] = (vi)load((const float *)plan.places[j]); });
    for (int64_t b = 0; b < count; b++, x += channel, w += MOVED_TAPS * r, out += r * VL) {
        const vf plane = load_lanes(x, whole);
        __builtin_prefetch(x + BLOCKS_AHEAD * channel);
        vf sum[R];
        Each<MOVED_TAPS>::run([&](int j) UNROLLED {
            const vf value = move_lanes(plane, places[j]);
            Each<R>::run([&](int i) UNROLLED { add_term(sum[i], j == 0, splat(w[j * r + i]), value); });
        });
        Each<R>::run([&](int i) UNROLLED { store(out + (from + i) * VL, sum[i]); });
    }
}
static NOINLINE void moved_stage(const Tile &tile, const Group &g, int64_t block, int64_t count, float *out) {
    int64_t from = 0;
    for (; from + MOST_SUMS <= g.r1; from += MOST_SUMS) moved_rows<MOST_SUMS>(tile, g, block, count, out, from);
    for (; from < g.r1; from++) moved_rows<1>(tile, g, block, count, out, from);
}
#endif

template <int V> static void first_of(const Tile &tile, const Group &g, int64_t block, int64_t count, float *out) {
#if MASKED_LANES
    if (V == 1 && tile.call->plan->moves) return moved_stage(tile, g, block, count, out);
#endif
    if (tile.gathered) first_stage<V, BY_ROW>(tile, g, block, count, out);
    else if (tile.masked) first_stage<V, MASKED>(tile, g, block, count, out);
    else first_stage<V, WHOLE>(tile, g, block, count, out);
}

// One block of group i, with everything below it; the result goes to `sink`.
template <int V> static void walk(const Tile &tile, int64_t i, int64_t block, const Sink &sink, bool last) {
    const Chain &chain = *tile.call->plan->chain;
    const Group &g = chain.groups[i];
    float *in = tile.buffers + g.buffer * V * VL;
    const int64_t inputs = g.inputs();
    if (i == 1) {
        first_of<V>(tile, chain.groups[0], block * inputs, inputs, in);
    } else {
        Sink below = Sink();
        for (int64_t j = 0; j < inputs; j++) {
            below.rows = in + j * g.t * V * VL;
            walk<V>(tile, i - 1, block * inputs + j, below, false);
        }
    }
    const float *w = tile.call->packed + g.weights + block * g.block_weights;
    if (last) g.last[V - 1](g, w, in, sink);
    else g.middle[V - 1](g, w, in, sink);
}

// All features of the tile as rows, by the table: for chains that break the rule.
template <int V> static void gather_table(const Tile &tile, float *rows) {
    const Plan &plan = *tile.call->plan;
    for (int64_t f = 0; f < plan.chain->inputs; f++) {
        const Entry e = plan.entries[f];
        for (int v = 0; v < V; v++) {
#if MASKED_LANES
            vf value = tile.masked ? load_lanes(tile.base + e.offset + v * VL, tile.lanes[e.tap][v])
                                   : load(tile.base + e.offset + v * VL);
#else
            vf value = plan.source == DIRECT
                           ? load_first(tile.base + e.offset + v * VL, plan.positions - tile.first - v * VL)
                           : load(tile.base + e.offset + v * VL);
#endif
            store(rows + (f * V + v) * VL, value);
        }
    }
}

// The same where the input holds rows of features.
template <int V, class T> static void gather_rows(const Tile &tile, float *rows) {
    const Plan &plan = *tile.call->plan;
    const Geometry &g = plan.g;
    for (int64_t f = 0; f < plan.chain->inputs; f += VL) {
        for (int v = 0; v < V; v++) {
            vf square[VL];
            for (int l = 0; l < VL; l++) {
                const int64_t row = tile.first + v * VL + l;
                const T *from = (const T *)tile.call->x + row * g.x_row + f;
                square[l] = row < g.height ? load_first(from, g.features - f) : splat(0);
            }
            transpose(square);
            for (int l = 0; l < VL; l++) store(rows + ((f + l) * V + v) * VL, square[l]);
        }
    }
}

// Rows of outputs into the output tensor.
template <int V, class T> static void scatter(const Tile &tile, const float *rows) {
    const Plan &plan = *tile.call->plan;
    const Geometry &g = plan.g;
    T *y = (T *)tile.call->y;
    if (plan.source != TRANSPOSED) {
        y += tile.image * g.out_features * plan.plane;
        scatter_rows(rows, V * VL, g.out_features, tile.first, V * VL, plan.row, g.out_w, g.out_h, y);
        return;
    }
    for (int64_t m = 0; m < g.out_features; m += VL) {
        for (int v = 0; v < V; v++) {
            vf square[VL];
            for (int l = 0; l < VL; l++) square[l] = m + l < g.out_features ? load(rows + ((m + l) * V + v) * VL) : splat(0);
            transpose(square);
            for (int l = 0; l < VL; l++) {
                const int64_t row = tile.first + v * VL + l;
                if (row < g.height) store_first(y + row * g.out_features + m, square[l], g.out_features - m);
            }
        }
    }
}
