// The plan of one layer call: geometry, tables and the order of the passes. Made once, used many times.
#pragma once
#include <stdlib.h>
#include <string.h>

#include "vec.h"

enum Kind { STRIDED = 0, ROWS = 1 };
enum Dtype { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

// What the caller fills in, the same structure on both sides (suites/kernels/geometry.py). Strides count elements.
struct Geometry {
    int64_t kind;                  // STRIDED: "inner" is contiguous; ROWS: the transformed axis is
    int64_t dtype, nonlinearity;
    int64_t outer, blocks;         // units of work: outer x blocks (x tiles of inner)
    int64_t x_outer, x_block, y_outer, y_block;
    int64_t inner;                 // STRIDED: contiguous elements beside the axis
    int64_t p1, p2;                // padded lengths, powers of two; L = p1 * p2
    int64_t n1, n2, m1, m2;        // valid lengths of input and output
    int64_t n2_last, m2_last;      // the same in the last block
    int64_t x1, x2, y1, y2;        // strides of the two axes
    int64_t keep_first, residual;
    int64_t threshold_mode;        // raw, absolute or clamped at zero
};

// What was found out about this machine by trying (suites/kernels/tuning.py).
struct Tuning {
    int64_t past_cache_bytes;  // outputs larger than this are stored past the caches
    int64_t prefetch_bytes;    // inputs larger than this are fetched ahead of their use
    int64_t in_flight;         // STRIDED: of these, tiles of long axes are read and written while another is computed
    int64_t far_tile;          // STRIDED: most floats of a tile of inputs fetched ahead, a multiple of 16
};

enum ThresholdMode { RAW = 0, ABSOLUTE = 1, CLAMPED = 2 };

static const int MAX_LEVELS = 8;
static const int WIDEST_TILE = 128;  // floats

struct Levels {
    int count;
    int radix[MAX_LEVELS];
    int64_t rows[MAX_LEVELS];    // rows of one block at this level; the last level is done in registers
    int64_t stride[MAX_LEVELS];  // floats from one block of this level to the next in scratch
    int32_t *position;           // row -> floats from the start of the scratch
};

// Where the rows of an axis lie, in elements from its first one. Rows that do not exist are at -1: before padding,
// after cropping. Most axes are a prefix of equal steps: then there is no table to read.
struct Rows {
    int64_t step, count;
    const int64_t *table;  // null: row k is at k * step for k < count

    INLINE bool in_steps(int64_t last) const { return !table && last < count; }
    INLINE int64_t operator[](int64_t row) const { return table ? table[row] : row < count ? row * step : -1; }
};

static inline Rows rows_of(const int64_t *offsets, int64_t length) {
    Rows rows = {length > 1 && offsets[1] > 0 ? offsets[1] : 0, 0, 0};
    while (rows.count < length && offsets[rows.count] >= 0 && offsets[rows.count] == rows.count * rows.step) rows.count++;
    for (int64_t k = rows.count; k < length; k++)
        if (offsets[k] >= 0) rows.table = offsets;
    return rows;
}

// How the inner elements of a strided plan are cut: floats of a tile, tiles of a row of them, tiles in all.
struct Cut {
    int64_t tile, tiles, units;
};

struct Plan {
    Geometry g;
    Tuning tuning;
    int64_t length;
    Cut cut, backward_cut;          // ROWS: only units, each a batch of rows
    int64_t x_extent, y_extent;     // elements from the first to one past the last
    Levels levels, backward;
    int64_t tile_floats;            // STRIDED: of one tile's scratch
    int64_t scratch_floats;         // all that a thread needs: tiles or a batch of rows
    bool in_flight;                 // STRIDED: memory is read and written while another tile is computed
    int64_t *offsets;               // the tables behind these
    Rows x_rows, y_rows, x_rows_last, y_rows_last;
    bool x_aligned, y_aligned;      // STRIDED: every row begins a whole number of vectors' bytes after the first
    bool whole;                     // ROWS: rows are whole and contiguous on both sides
    bool prefetch;                  // the input is fetched ahead of its use
    bool past_cache;                // the output, and of the backward the gradient of x, is stored past the caches
    bool past_cache_backward;
    double forward_factor, inverse_factor;  // of the two transforms: their product is 1 / length
    int32_t *order;                 // coefficient of the tables -> place in the caller's; null: the same
    int64_t batch;                  // ROWS: rows of one unit
    Plan *shared;                   // the same work cut for several threads, or null: see lines.h
};

static inline int64_t valid_offset(int64_t k, int64_t p2, int64_t n1, int64_t n2, int64_t s1, int64_t s2) {
    int64_t i = k / p2, j = k % p2;
    return i < n1 && j < n2 ? i * s1 + j * s2 : -1;
}

// Splits `rows` into radices, at most `widest` each and at most `core` for the last one, as even as can
// be; into two at least where work begins and ends outside the scratch. The order of the additions follows from it, so it
// depends on nothing that was tuned: the same bits come out on every number of threads.
static inline void split(int64_t rows, int core, int widest, bool two, int *radix, int *count) {
    int log = 0, log_core = 0, log_wide = 0;
    while ((1ll << log) < rows) log++;
    while ((1 << log_core) < core) log_core++;
    while ((1 << log_wide) < widest) log_wide++;
    if (two && log_core > log - 1) log_core = log - 1;
    *count = 0;
    int rest = log - (log < log_core ? log : log_core);
    int passes = (rest + log_wide - 1) / log_wide;
    for (int i = 0; i < passes; i++) {
        int share = rest / (passes - i);  // the smaller ones first: the first pass reads far apart
        radix[(*count)++] = 1 << share;
        rest -= share;
    }
    radix[(*count)++] = 1 << (log < log_core ? log : log_core);
}

// Scratch with one cache line between the blocks: power-of-two strides would all meet in one cache set.
static inline int64_t lay_out(Levels *levels, int64_t rows, int core, int widest, bool two, int64_t row_floats,
                              int64_t pad) {
    split(rows, core, widest, two, levels->radix, &levels->count);
    for (int i = 0; i < levels->count; i++) {
        levels->rows[i] = rows;
        rows /= levels->radix[i];
    }
    for (int i = levels->count - 1; i >= 0; i--)
        levels->stride[i] = i == levels->count - 1 ? levels->rows[i] * row_floats + pad
                                                   : levels->stride[i + 1] * levels->radix[i] + pad;
    return levels->stride[0];
}

static inline bool place_rows(Levels *levels, int64_t row_floats) {
    levels->position = (int32_t *)malloc(levels->rows[0] * sizeof(int32_t));
    if (!levels->position) return false;
    for (int64_t r = 0; r < levels->rows[0]; r++) {
        int64_t rest = r, at = 0;
        for (int i = 0; i + 1 < levels->count; i++) {
            at += rest / levels->rows[i + 1] * levels->stride[i + 1];
            rest %= levels->rows[i + 1];
        }
        levels->position[r] = (int32_t)(at + rest * row_floats);
    }
    return true;
}

static inline void plan_free(Plan *plan) {
    if (!plan) return;
    if (plan->shared) free(plan->shared->levels.position);
    free(plan->shared);
    free(plan->levels.position);
    free(plan->backward.position);
    free(plan->offsets);
    free(plan->order);
    free(plan);
}

static inline int64_t largest(const int64_t *values, int64_t count) {
    int64_t most = 0;
    for (int64_t i = 0; i < count; i++)
        if (values[i] > most) most = values[i];
    return most;
}

// Tiles of at most `floats` in scratch and `widest` floats wide; `whole`: none wider than that to save one.
static inline Cut cut_inner(const Geometry &g, int64_t length, int64_t floats, int64_t widest_floats, bool whole) {
    const int64_t columns = (g.inner + VL - 1) / VL, widest = WIDEST_TILE / VL;
    int64_t per = floats / length / VL;
    if (per > widest_floats / VL) per = widest_floats / VL;
    if (per < 16 / VL) per = 16 / VL;
    int64_t tiles = whole ? (columns + per - 1) / per : (columns + per / 2) / per;
    // A single image in some tiles of one width, for a second thread to share. Where rows are no whole cache lines, two
    // neighbours write the lines between them both: few tiles, then.
    const int64_t least = columns < 8 || g.inner % 16 ? 2 : 4;
    if (tiles < least && g.outer * g.blocks == 1 && columns > 1) tiles = least;
    if (tiles < 1) tiles = 1;
    per = (columns + tiles - 1) / tiles;
    if (per < 1) per = 1;
    if (per > widest) per = widest;
    // A last tile of less than one vector is slow.
    if (g.inner % VL && per > 1 && columns % per == 1) per += per < widest ? 1 : -1;
    Cut cut;
    cut.tile = per * VL;
    cut.tiles = (g.inner + cut.tile - 1) / cut.tile;
    cut.units = g.outer * g.blocks * cut.tiles;
    return cut;
}

static const int WIDEST_PASS = VL == 4 ? 8 : 16;

// The scratch of a strided forward, in tiles as wide as its cut says. False if memory ran out.
static inline bool lay_out_forward(Plan *plan) {
    plan->tile_floats = lay_out(&plan->levels, plan->length, 8, WIDEST_PASS, true, plan->cut.tile, 16);
    if (plan->in_flight) plan->tile_floats += 1024 + 16;  // the second half begins elsewhere in a page
    plan->scratch_floats = plan->in_flight ? 2 * plan->tile_floats : plan->tile_floats;
    return place_rows(&plan->levels, plan->cut.tile);
}

static inline bool plan_strided(Plan *plan) {
    const Geometry &g = plan->g;
    const int64_t length = plan->length;
    // Shorter axes fit the second cache beside the next tile; two tiles of longer ones do not fit it at all.
    plan->in_flight = plan->prefetch && plan->tuning.in_flight && length >= 256 && length <= 2048;
    // Wide tiles, for finding each row's place costs about as much as a vector of work on it, whole pages are touched
    // once and the memory's own prefetcher follows; but the first cache should hold a tile, or else the second.
    plan->cut = cut_inner(g, length, length > 256 ? 65536 : length > 128 || plan->prefetch ? 32768 : 8192,
                          plan->prefetch ? plan->tuning.far_tile : WIDEST_TILE, plan->in_flight);
    // The backward adds up its sums tile by tile: its cut depends on nothing that was tuned, so that the same bits
    // come out on every number of threads.
    plan->backward_cut = cut_inner(g, length, length > 256 ? 65536 : length > 128 ? 32768 : 8192, WIDEST_TILE, false);
    const int64_t backward_tile = plan->backward_cut.tile;
    const int64_t backward = lay_out(&plan->backward, length, 8, WIDEST_PASS, true, backward_tile, 16);
    const bool placed = lay_out_forward(plan);
    if (backward > plan->scratch_floats) plan->scratch_floats = backward;
    return placed && place_rows(&plan->backward, backward_tile);
}

// Vectors of the last level of a row that has several; one of a single level may have fewer.
enum { ROW_CORE = 8, ROW_CORE_BACKWARD = VL == 16 ? 8 : 4 };

static inline bool plan_rows(Plan *plan) {
    const Geometry &g = plan->g;
    int64_t rows = g.outer * g.blocks, vectors = plan->length > VL ? plan->length / VL : 1;
    lay_out(&plan->levels, vectors, ROW_CORE, 16, false, VL, 0);
    lay_out(&plan->backward, vectors, ROW_CORE_BACKWARD, 16, false, VL, 0);
    // Several rows at a time only where each is done in registers.
    plan->batch = 16 * VL / plan->length;
    if (plan->batch < 1 || plan->levels.count > 1 || plan->backward.count > 1) plan->batch = 1;
    plan->cut.units = plan->backward_cut.units = (rows + plan->batch - 1) / plan->batch;
    plan->scratch_floats = (plan->length * plan->batch + VL - 1) / VL * VL + VL;
    plan->whole = g.n1 == g.p1 && g.n2 == g.p2 && g.n2_last == g.p2 && g.m1 == g.p1 &&
                  g.m2 == g.p2 && g.m2_last == g.p2 && !g.residual && (g.p1 == 1 || (g.x1 == g.p2 && g.y1 == g.p2)) &&
                  (g.blocks == 1 || (g.x_block == plan->length && g.y_block == plan->length)) &&
                  (g.outer == 1 || (g.x_outer == g.blocks * plan->length && g.y_outer == g.blocks * plan->length));
    return true;
}

// Returns null if memory ran out. factors: of the forward and of the inverse transform.
static inline Plan *plan_make(const Geometry &geometry, const Tuning &tuning, const double *factors,
                              const int32_t *order) {
    Plan *plan = (Plan *)calloc(1, sizeof(Plan));
    if (!plan) return 0;
    const Geometry &g = plan->g = geometry;
    plan->tuning = tuning;
    int64_t length = plan->length = g.p1 * g.p2;
    plan->forward_factor = factors[0];
    plan->inverse_factor = factors[1];
    int64_t *offsets = (int64_t *)malloc(4 * length * sizeof(int64_t));
    plan->order = order ? (int32_t *)malloc(length * sizeof(int32_t)) : 0;
    plan->offsets = offsets;
    if (!offsets || (order && !plan->order)) {
        plan_free(plan);
        return 0;
    }
    if (order) memcpy(plan->order, order, length * sizeof(int32_t));
    int64_t *x = offsets, *y = offsets + length, *x_last = offsets + 2 * length, *y_last = offsets + 3 * length;
    for (int64_t k = 0; k < length; k++) {
        x[k] = valid_offset(k, g.p2, g.n1, g.n2, g.x1, g.x2);
        y[k] = valid_offset(k, g.p2, g.m1, g.m2, g.y1, g.y2);
        x_last[k] = valid_offset(k, g.p2, g.n1, g.n2_last, g.x1, g.x2);
        y_last[k] = valid_offset(k, g.p2, g.m1, g.m2_last, g.y1, g.y2);
    }
    plan->x_rows = rows_of(x, length);
    plan->y_rows = rows_of(y, length);
    plan->x_rows_last = rows_of(x_last, length);
    plan->y_rows_last = rows_of(y_last, length);
    const int64_t element = g.dtype == FLOAT32 ? 4 : 2, full = 4 * VL / element;
    plan->x_aligned = ((g.p1 > 1 ? g.x1 : 0) | g.x2 | g.x_outer | g.x_block) % full == 0;
    plan->y_aligned = ((g.p1 > 1 ? g.y1 : 0) | g.y2 | g.y_outer | g.y_block) % full == 0;
    int64_t inner = g.kind == STRIDED ? g.inner : 1;
    int64_t x_most = (g.blocks - 1) * g.x_block + largest(x_last, length);
    int64_t y_most = (g.blocks - 1) * g.y_block + largest(y_last, length);
    if (g.blocks > 1) {
        int64_t x_before = (g.blocks - 2) * g.x_block + largest(x, length);
        int64_t y_before = (g.blocks - 2) * g.y_block + largest(y, length);
        x_most = x_before > x_most ? x_before : x_most;
        y_most = y_before > y_most ? y_before : y_most;
    }
    plan->x_extent = (g.outer - 1) * g.x_outer + x_most + inner;
    plan->y_extent = (g.outer - 1) * g.y_outer + y_most + inner;
    plan->prefetch = plan->x_extent * element > tuning.prefetch_bytes;
    plan->past_cache = plan->y_extent * element > tuning.past_cache_bytes && (plan->y_aligned || g.kind == ROWS);
    plan->past_cache_backward = plan->x_extent * element > tuning.past_cache_bytes && (plan->x_aligned || g.kind == ROWS);
    if (!(g.kind == STRIDED ? plan_strided(plan) : plan_rows(plan))) {
        plan_free(plan);
        return 0;
    }
    return plan;
}
