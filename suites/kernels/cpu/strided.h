// Work along a strided axis: vectors run over the contiguous elements beside it, so no lane ever moves.
// One tile is all rows of the axis by a few vectors: read once, transformed in scratch, written once.
#pragma once
#include "call.h"
#include "fetch.h"

// The width of a tile in vectors. What is left after the whole ones is a column of its own that begins where the
// last whole vector of the row does: its first lanes are done twice, no lane is left empty.
struct Tile {
    Rows x_rows, y_rows;
    int64_t whole, tail;  // whole vectors; elements after them
    bool backwards;       // rows are written last to first

    INLINE bool narrow() const { return whole == 0; }  // less than one vector: lanes have to be left empty
    INLINE int64_t columns() const { return whole + (tail > 0); }
    INLINE int64_t at(int64_t column) const { return column < whole || narrow() ? column * VL : (whole - 1) * VL + tail; }
};

template <class T> struct RowPointers {
    const T *base, *end;  // end: first element past the tensor
    Rows rows;
    INLINE const T *operator[](int64_t row) const {
        const int64_t offset = rows[row];
        return offset < 0 ? (const T *)ZEROS : base + offset;
    }
};

template <class T> static INLINE vf load_tail(const T *p, int64_t tail, const T *end) {
    // The lanes past the tail belong to a next row and are dropped on storing; only the tensor's end needs care.
    return p + VL <= end ? load(p) : load_partial(p, tail);
}

// Groups [begin, end) of the first level, from the tensor into scratch.
template <int R, class T>
static NOINLINE void first_pass(const RowPointers<T> &rows, const Tile &t, float *scratch, const Levels &levels,
                                int64_t begin, int64_t end, Fetch *fetch) {
    const int64_t groups = levels.rows[0] / R, stride = R == 1 ? 0 : levels.stride[1];
    const bool in_steps = !t.narrow() && rows.rows.in_steps(end - 1 + (R - 1) * groups);
    for (int64_t g = begin; g < end; g++) {
        float *q = scratch + levels.position[g];
        if (in_steps) {
            const T *from = rows.base + g * rows.rows.step;
            int64_t c = 0, count = t.whole;
            do {
                stage<R, false>(from + t.at(c), groups * rows.rows.step, q + c * VL, stride, count);
                c += count;
                count = 1;
            } while (c < t.columns());
        } else {
            const T *p[R];
            Each<R>::run([&](int j) UNROLLED { p[j] = rows[g + j * groups]; });
            for (int64_t c = 0; c < t.columns(); c++) {
                const int64_t at = t.at(c);
                vf v[R];
                if (t.narrow()) Each<R>::run([&](int j) UNROLLED { v[j] = load_tail(p[j], t.tail, rows.end); });
                else Each<R>::run([&](int j) UNROLLED { v[j] = load(p[j] + at); });
                Butterfly<R>::run(v);
                Each<R>::run([&](int j) UNROLLED { store(q + j * stride + c * VL, v[j]); });
            }
        }
        if (fetch) fetch->pace(R * t.columns());
    }
}

// Groups [begin, end) of the first level, from scratch to the output. The tail's column goes first: in the backward
// its doubled lanes hold nothing.
template <int R, class T>
static NOINLINE void last_pass(const float *scratch, const Levels &levels, const Tile &t, T *y,
                               const RowPointers<T> *residual, bool past_cache, int64_t begin, int64_t end, Fetch *fetch) {
    const int64_t groups = levels.rows[0] / R, stride = R == 1 ? 0 : levels.stride[1];
    const bool in_steps = !residual && !t.narrow() && t.y_rows.in_steps(end - 1 + (R - 1) * groups);
    for (int64_t i = begin; i < end; i++) {
        const int64_t g = t.backwards ? begin + end - 1 - i : i;
        const float *q = scratch + levels.position[g];
        if (in_steps) {
            T *to = y + g * t.y_rows.step;
            const int64_t to_stride = groups * t.y_rows.step;
            for (int64_t c = t.tail ? t.whole : 0;; c = 0) {  // the tail's column, then all before it
                if (c == 0 && past_cache) stage<R, true>(q, stride, to, to_stride, t.whole);
                else stage<R, false>(q + c * VL, stride, to + t.at(c), to_stride, c == 0 ? t.whole : 1);
                if (c == 0) break;
            }
        } else {
            T nowhere[WIDEST_TILE];  // for the rows that are cropped away
            T *p[R];
            const T *x[R];
            Each<R>::run([&](int j) UNROLLED {
                const int64_t offset = t.y_rows[g + j * groups];
                p[j] = offset < 0 ? nowhere : y + offset;
                x[j] = residual ? (*residual)[g + j * groups] : (const T *)ZEROS;
            });
            for (int64_t c = t.columns() - 1; c >= 0; c--) {
                const int64_t at = t.at(c);
                vf v[R];
                Each<R>::run([&](int j) UNROLLED { v[j] = load(q + j * stride + c * VL); });
                Butterfly<R>::run(v);
                if (t.narrow()) {
                    for (int j = 0; j < R; j++) {
                        if (residual) v[j] += load_tail(x[j], t.tail, residual->end);
                        store_partial(p[j], v[j], t.tail);
                    }
                    continue;
                }
                if (residual) Each<R>::run([&](int j) UNROLLED { v[j] += load(x[j] + at); });
                Each<R>::run([&](int j) UNROLLED { store(p[j] + at, v[j]); });
            }
        }
        if (fetch) fetch->pace(R * t.columns());
    }
}

// `run` rows follow each other without a gap and are done as one.
template <int R>
static NOINLINE void middle_pass(float *block, const int32_t *position, int64_t groups, int64_t stride, int64_t columns,
                                 int64_t run, Fetch *fetch) {
    for (int64_t g = 0; g < groups; g += run) {
        stage_here<R>(block + position[g], stride, run * columns);
        if (fetch) fetch->pace(R * run * columns);
    }
}

// Blocks of one level, all alike.
struct Blocks {
    int64_t count, stride;
};

// Both transforms' innermost stages with the nonlinearity between them, in registers. PLAIN: neither a table of
// scales nor an untouched first coefficient.
template <int R, int KIND, bool PLAIN>
static NOINLINE void core_pass(float *first, Blocks blocks, int64_t row_floats, int64_t columns, const float *threshold,
                               const float *scale, bool keep_first, const Constants &k, Fetch *fetch) {
    const int N = R < GROUP ? R : GROUP;
    for (int64_t b = 0; b < blocks.count; b++, first += blocks.stride, threshold += R, keep_first = false) {
        Walk<R, float> at(first, row_floats);
        for (int64_t c = 0; c < columns; c++, at.next()) {
            vf v[R];
            Each<R>::run([&](int j) UNROLLED { v[j] = load(at.row(j)); });
            Butterfly<R>::run(v);
            const vf kept = v[0] * k.first_factor;
            if (!PLAIN && scale) Each<R>::run([&](int j) UNROLLED { v[j] *= splat(scale[j]); });
            Each<R / N>::run([&](int i) UNROLLED {
                nonlinear<N, KIND>(v + i * N, [&](int j) UNROLLED { return splat(threshold[i * N + j]); }, k);
            });
            if (!PLAIN && keep_first) v[0] = kept;
            Butterfly<R>::run(v);
            Each<R>::run([&](int j) UNROLLED { store(at.row(j), v[j]); });
            if (fetch) fetch->pace(CORE_WEIGHT * R);
        }
        if (!PLAIN && scale) scale += R;
    }
}

static INLINE void run_middle(const Levels &levels, int level, float *block, int64_t tile, int64_t columns, Fetch *fetch) {
    const int64_t groups = levels.rows[level + 1], stride = levels.stride[level + 1];
    const int64_t run = columns * VL == tile ? levels.rows[levels.count - 1] : 1;
    switch (levels.radix[level]) {
        case 2: return middle_pass<2>(block, levels.position, groups, stride, columns, run, fetch);
        case 4: return middle_pass<4>(block, levels.position, groups, stride, columns, run, fetch);
        case 8: return middle_pass<8>(block, levels.position, groups, stride, columns, run, fetch);
        default: return middle_pass<16>(block, levels.position, groups, stride, columns, run, fetch);
    }
}

template <int R, int KIND>
static INLINE void run_core_of(float *first, Blocks blocks, int64_t columns, const Call &call, int64_t row, Fetch *fetch) {
    const float *threshold = call.threshold + row, *scale = call.scale ? call.scale + row : 0;
    const bool keep = call.plan->g.keep_first && row == 0;
    const int64_t tile = call.plan->cut.tile;
    const bool plain = R == 8 && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !scale && !keep)
        core_pass<R, KIND, plain>(first, blocks, tile, columns, threshold, 0, false, call.constants, fetch);
    else core_pass<R, KIND, false>(first, blocks, tile, columns, threshold, scale, keep, call.constants, fetch);
}

template <int KIND>
static INLINE void run_core(int radix, float *first, Blocks blocks, int64_t columns, const Call &call, int64_t row,
                            Fetch *fetch) {
    switch (radix) {
        case 1: return run_core_of<1, KIND>(first, blocks, columns, call, row, fetch);
        case 2: return run_core_of<2, KIND>(first, blocks, columns, call, row, fetch);
        case 4: return run_core_of<4, KIND>(first, blocks, columns, call, row, fetch);
        default: return run_core_of<8, KIND>(first, blocks, columns, call, row, fetch);
    }
}

// Some blocks of one level of a tile: down through the forward stages, the nonlinearity, up through the inverse.
static void inner_levels(int level, float *first, Blocks blocks, const Call &call, int64_t columns, int64_t row, Fetch *fetch) {
    const Levels &levels = call.plan->levels;
    const int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (call.plan->g.nonlinearity == SMOOTH) run_core<SMOOTH>(radix, first, blocks, columns, call, row, fetch);
        else run_core<SOFT>(radix, first, blocks, columns, call, row, fetch);
        return;
    }
    const Blocks below = {radix, levels.stride[level + 1]};
    for (int64_t b = 0; b < blocks.count; b++, first += blocks.stride, row += levels.rows[level]) {
        run_middle(levels, level, first, call.plan->cut.tile, columns, fetch);
        inner_levels(level + 1, first, below, call, columns, row, fetch);
        run_middle(levels, level, first, call.plan->cut.tile, columns, fetch);
    }
}

// Where unit number `unit` of a strided plan lies.
struct Place {
    int64_t x, y;  // element offsets of the tile's first element
    Tile tile;
};

static INLINE Place place(const Plan &plan, const Cut &cut, int64_t unit) {
    const Geometry &g = plan.g;
    int64_t tile = unit % cut.tiles, rest = unit / cut.tiles;
    int64_t block = rest % g.blocks, outer = rest / g.blocks, begin = tile * cut.tile;
    int64_t width = g.inner - begin < cut.tile ? g.inner - begin : cut.tile;
    bool last = block == g.blocks - 1;
    Place p;
    p.x = outer * g.x_outer + block * g.x_block + begin;
    p.y = outer * g.y_outer + block * g.y_block + begin;
    p.tile.x_rows = last ? plan.x_rows_last : plan.x_rows;
    p.tile.y_rows = last ? plan.y_rows_last : plan.y_rows;
    p.tile.whole = width / VL;
    p.tile.tail = width % VL;
    // Neighbours share cache lines where rows are no whole lines: two threads that start together should meet once
    // on their way, not walk side by side.
    p.tile.backwards = unit % 2;
    return p;
}

// A run of the first level's groups or of its blocks: all of them, or some between two pieces of other work.
struct Groups {
    int64_t begin, end;
};

template <class T>
static INLINE void run_first(const Levels &levels, const RowPointers<T> &rows, const Tile &t, float *scratch, Groups g,
                             Fetch *fetch) {
    switch (levels.radix[0]) {
        case 2: return first_pass<2>(rows, t, scratch, levels, g.begin, g.end, fetch);
        case 4: return first_pass<4>(rows, t, scratch, levels, g.begin, g.end, fetch);
        case 8: return first_pass<8>(rows, t, scratch, levels, g.begin, g.end, fetch);
        default: return first_pass<16>(rows, t, scratch, levels, g.begin, g.end, fetch);
    }
}

template <class T>
static INLINE void run_last(const Call &call, const Levels &levels, const float *scratch, const Tile &t, T *y,
                            const RowPointers<T> *residual, Groups g, Fetch *fetch) {
    // The plan says that the strides keep the alignment.
    const bool past = call.past_cache && (uintptr_t)y % sizeof(vf) == 0;
    switch (levels.radix[0]) {
        case 2: return last_pass<2>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
        case 4: return last_pass<4>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
        case 8: return last_pass<8>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
        default: return last_pass<16>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
    }
}

// One tile's way through a strided forward, in three steps.
template <class T> struct ForwardTile {
    const Call *call;
    Place here;
    RowPointers<T> rows;

    ForwardTile(const Call &c, int64_t unit) : call(&c), here(place(*c.plan, c.plan->cut, unit)) {
        const T *x = (const T *)c.x;
        rows = RowPointers<T>{x + here.x, x + c.plan->x_extent, here.tile.x_rows};
    }
    INLINE void first(float *scratch, Groups g, Fetch *fetch) const {
        run_first(call->plan->levels, rows, here.tile, scratch, g, fetch);
    }
    INLINE void last(const float *scratch, Groups g, Fetch *fetch) const {
        run_last(*call, call->plan->levels, scratch, here.tile, (T *)call->y + here.y,
                 call->plan->g.residual ? &rows : 0, g, fetch);
    }
    // All between, for some blocks of the first level.
    INLINE void inner(float *scratch, Groups blocks, Fetch *fetch) const {
        const Levels &levels = call->plan->levels;
        inner_levels(1, scratch + blocks.begin * levels.stride[1], Blocks{blocks.end - blocks.begin, levels.stride[1]}, *call,
                     here.tile.columns(), blocks.begin * levels.rows[1], fetch);
    }
};

// One tile after the other: tensors in the caches, and short axes, whose next tile the second cache holds as well.
template <class T> static void tiles_in_turn(const Call &call, int64_t begin, int64_t end, float *scratch) {
    const Plan &plan = *call.plan;
    const Levels &levels = plan.levels;
    const Groups all = {0, levels.rows[0] / levels.radix[0]};
    Fetch fetch;
    fetch.begin(plan.x_rows, all.end, sizeof(T), plan.cut.tile * sizeof(T),
                (CORE_WEIGHT + 2 * (levels.count - 2)) * (plan.cut.tile / VL));
    for (int64_t unit = begin; unit < end; unit++) {
        ForwardTile<T> tile(call, unit);
        tile.first(scratch, all, 0);
        if (plan.prefetch) fetch.aim(unit + 1 < end ? ForwardTile<T>(call, unit + 1).rows.base : 0);
        tile.inner(scratch, Groups{0, levels.radix[0]}, plan.prefetch ? &fetch : 0);
        tile.last(scratch, all, 0);
    }
}

// Long axes of tensors in memory: while one tile is computed, the one before is written out and the one after read
// in, a few groups at a time and through the same half of the scratch, so that memory has work all the time.
template <class T> static void tiles_in_flight(const Call &call, int64_t begin, int64_t end, float *scratch) {
    const Plan &plan = *call.plan;
    const Levels &levels = plan.levels;
    const int64_t blocks = levels.radix[0], groups = levels.rows[0] / blocks;
    const Groups all = {0, groups};
    float *work = scratch, *other = scratch + plan.tile_floats;
    ForwardTile<T> before(call, begin), now(call, begin);
    Fetch fetch;
    fetch.begin(plan.x_rows, groups, sizeof(T), plan.cut.tile * sizeof(T),
                (CORE_WEIGHT + 2 * (levels.count - 1)) * (plan.cut.tile / VL));
    fetch.aim(begin + 1 < end ? ForwardTile<T>(call, begin + 1).rows.base : 0);
    now.first(work, all, 0);
    for (int i = 0; i < ROWS_AHEAD; i++) fetch.one();
    for (int64_t unit = begin; unit < end; unit++) {
        ForwardTile<T> next(call, unit + 1 < end ? unit + 1 : unit);
        const bool drain = unit > begin, fill = unit + 1 < end;
        if (unit + 2 < end) fetch.next = (const char *)ForwardTile<T>(call, unit + 2).rows.base;
        for (int64_t block = 0; block < blocks; block++) {
            now.inner(work, Groups{block, block + 1}, &fetch);
            const Groups due = {block * groups / blocks, (block + 1) * groups / blocks};
            if (drain) before.last(other, due, &fetch);
            if (fill) next.first(other, due, &fetch);
        }
        float *swapped = work;
        work = other;
        other = swapped;
        before = now;
        now = next;
    }
    before.last(other, all, 0);
}

template <class T> static void strided_forward(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    float *scratch = arena(SCRATCH, call.plan->scratch_floats * sizeof(float));
    if (!scratch) {
        call.failed = 1;
        return;
    }
    if (call.plan->in_flight) tiles_in_flight<T>(call, begin, end, scratch);
    else tiles_in_turn<T>(call, begin, end, scratch);
    if (call.past_cache) fence_stores();
}
