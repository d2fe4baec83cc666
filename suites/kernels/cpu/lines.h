// One image for several threads, where its rows are no whole cache lines.
//
// Cut at one pixel, all rows of a 14x14 image but every fourth hold pixels of both sides in the line at the cut, and in the
// line between their end and the next row's beginning. Two threads that write the same line take it from each other's
// cache: with 256 channels 384 times a call. So each line of the output is one tile's own, and of the pixels that two
// tiles need for their lines, each computes its own copy.
#pragma once
#include "plan.h"

// Row r's first line begins at 1 to `line` elements after its own beginning; they belong to the last tile, which writes the
// end of the row before as well. Of the lines after them, tile t writes those from first(t) on, up to first(t + 1).
struct LineCut {
    int64_t inner, line;  // elements of a row; of a cache line
    int64_t apart;        // the rows begin a multiple of so many elements after a line
    int64_t tiles;        // 0: there is no such cut

    INLINE int64_t lines() const { return (inner - apart + line - 1) / line; }
    INLINE int64_t first(int64_t tile) const { return lines() * tile / tiles; }
    INLINE bool last(int64_t tile) const { return tile == tiles - 1; }
    // Columns beside each other of a tile, and its first element. The last tile ends with the row.
    INLINE int64_t whole(int64_t tile) const {
        const int64_t from = line * first(tile) + (tile ? apart : 0);
        return ((last(tile) ? inner : line * first(tile + 1) + line) - from + VL - 1) / VL;
    }
    INLINE int64_t begin(int64_t tile) const {
        return last(tile) ? inner - whole(tile) * VL : line * first(tile) + (tile ? apart : 0);
    }
    // The last tile's columns at the beginning of the row.
    INLINE int64_t head(int64_t tile) const { return last(tile) ? line / VL : 0; }

    // Every tile has lines, and the last one a vector after its first line, with which it ends each row.
    bool fits() const { return tiles > 1 && lines() >= tiles && line * (first(tiles - 1) + 1) + VL <= inner; }
    int64_t widest() const {
        int64_t most = 0;
        for (int64_t t = 0; t < tiles; t++) most = whole(t) + head(t) > most ? whole(t) + head(t) : most;
        return most * VL;
    }
};

static inline int64_t common_factor(int64_t a, int64_t b) { return b ? common_factor(b, a % b) : a; }

// A cut into so many tiles that every group of rows of the first level can follow; without tiles where none can.
static inline LineCut line_cut(const Plan &plan, int64_t tiles) {
    const Geometry &g = plan.g;
    const int64_t line = 64 / (g.dtype == FLOAT32 ? 4 : 2), last = plan.length - 1, step = plan.y_rows_last.step;
    LineCut cut = {g.inner, line, common_factor(step, line), tiles};
    const bool alone = g.kind == STRIDED && g.outer * g.blocks == 1 && !g.residual && !plan.prefetch && !plan.past_cache;
    if (!alone || cut.apart == line || !plan.x_rows_last.in_steps(last) || !plan.y_rows_last.in_steps(last) ||
        plan.length / plan.levels.radix[0] * step % line || !cut.fits())
        cut.tiles = 0;
    return cut;
}

// Whether not too many pixels are computed twice: the widest tile is at most 1.3 times its share of the row.
static inline bool worth_it(const LineCut &cut) {
    return cut.tiles && 10 * cut.widest() * cut.tiles <= 13 * ((cut.inner + VL - 1) / VL * VL);
}

// Adds the plan of the same work in whole lines, with a layout of the scratch of its own, where tiles of no more than
// a line above the usual width can do it. False if memory ran out.
static inline bool plan_share(Plan *plan) {
    LineCut cut = line_cut(*plan, 2);
    while (cut.tiles && cut.widest() > plan->cut.tile + cut.line) cut = line_cut(*plan, 2 * cut.tiles);
    if (!worth_it(cut)) return true;
    Plan *shared = plan->shared = (Plan *)malloc(sizeof(Plan));
    if (!shared) return false;
    *shared = *plan;
    shared->shared = 0;
    shared->cut.tile = cut.widest();
    shared->cut.tiles = shared->cut.units = cut.tiles;
    return lay_out_forward(shared);
}

// How `threads` share the rows of y: by plan.shared, or without tiles by the plan itself.
static inline LineCut line_cut_for(const Plan &plan, int threads, const void *y) {
    LineCut cut = {};
    if (threads < 2 || !plan.shared) return cut;
    const int64_t least = plan.shared->cut.tiles;
    int64_t tiles = (least + threads - 1) / threads * threads;
    if (tiles > 2 * threads) return cut;  // more tiles than threads share the load without this
    do cut = line_cut(plan, tiles--);
    while (!worth_it(cut) && tiles >= least);
    if (!worth_it(cut)) cut.tiles = 0;
    if (cut.tiles && (uintptr_t)y * cut.line / 64 % cut.apart) cut.tiles = 0;
    return cut;
}
