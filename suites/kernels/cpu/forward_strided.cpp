// Forward of the fused layer along a strided axis.
#include "strided.h"

// Groups [begin, end) of the first level, from scratch to the lines of the output that are tile number `tile`'s own. All
// rows of a group stand alike to the lines.
//
// One line of every row, then the next: of a row's lines in turn the processor takes more than it is asked for, and the
// next ones are the other thread's, just written. (Zen 4, 1x256x14x14: two threads took 0.9 of one's time, so 0.63.)
template <int R, class T>
static NOINLINE void last_lines(const float *scratch, const Levels &levels, const Tile &t, T *y, const LineCut &cut,
                                int64_t tile, int64_t begin, int64_t end) {
    const int64_t step = t.y_rows.step, far = levels.rows[0] / R * step, stride = levels.stride[1], line = 64 / sizeof(T);
    const int64_t after = line * cut.first(tile) - t.begin, until = line * cut.first(tile + 1) - t.begin;
    const bool ends = cut.last(tile);
    const vf one = hidden_one();
    for (int64_t column = 0; column < t.whole; column++)
        for (int64_t g = begin; g < end; g++) {
            T *row = y - t.begin + g * step;
            const int64_t first = line - (int64_t)((uintptr_t)row / sizeof(T)) % line;
            const int64_t from = first + after + column * VL, to = ends ? t.whole * VL : first + until;
            if (from >= to) continue;
            const int64_t at = to - from < VL ? to - VL : from;  // the row may end within a line
            const float *q = scratch + levels.position[g] + at;
            T *out = row + t.begin + at;
            vf v[R];
            Each<R>::run([&](int j) UNROLLED { v[j] = load(q + j * stride); });
            Spread<R>::run(v, one);
            Each<R>::run([&](int j) UNROLLED { store(out + j * far, v[j]); });
        }
    for (int64_t g = begin; t.head && g < end; g++) {
        T *row = y - t.begin + g * step;
        const int64_t first = line - (int64_t)((uintptr_t)row / sizeof(T)) % line, at = first / VL * VL;
        const float *q = scratch + levels.position[g] + t.whole * VL;
        stage<R, false>(q, stride, row, far, at / VL);
        if (first == at) continue;
        vf v[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(q + j * stride + at); });
        Spread<R>::run(v, one);
        Each<R>::run([&](int j) UNROLLED { store_partial(row + j * far + at, v[j], first - at); });
    }
}

template <class T>
static INLINE void run_last_lines(const Levels &levels, const float *scratch, const Tile &t, T *y, const LineCut &cut,
                                  int64_t tile, Groups g) {
    switch (levels.radix[0]) {
        case 2: return last_lines<2>(scratch, levels, t, y, cut, tile, g.begin, g.end);
        case 4: return last_lines<4>(scratch, levels, t, y, cut, tile, g.begin, g.end);
        case 8: return last_lines<8>(scratch, levels, t, y, cut, tile, g.begin, g.end);
        default: return last_lines<16>(scratch, levels, t, y, cut, tile, g.begin, g.end);
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

// One tile's way through a strided forward, in three steps.
template <class T> struct ForwardTile {
    const Call *call;
    Place here;
    RowPointers<T> rows;

    int64_t unit;

    ForwardTile(const Call &c, int64_t number)
        : call(&c), here(c.lines.tiles ? place(*c.plan, c.lines, number) : place(*c.plan, c.plan->cut, number)), unit(number) {
        const T *x = (const T *)c.x;
        rows = RowPointers<T>{x + here.x, x + c.plan->x_extent, here.tile.x_rows};
    }
    INLINE void first(float *scratch, Groups g, Fetch *fetch) const {
        run_first(call->plan->levels, rows, here.tile, scratch, g, fetch);
    }
    INLINE void last(const float *scratch, Groups g, Fetch *fetch) const {
        if (call->lines.tiles)
            return run_last_lines(call->plan->levels, scratch, here.tile, (T *)call->y + here.y, call->lines, unit, g);
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

Work strided_forward_work() { return strided_forward<Element>; }
