// Forward of the fused layer along a strided axis: the passes that read and write the tensors, and the order of all.
#include "strided.h"

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

void first_groups(const Levels &levels, const RowPointers<Element> &rows, const Tile &t, float *scratch, Groups g, Fetch *fetch) {
    run_first(levels, rows, t, scratch, g, fetch);
}
void last_groups(const Call &call, const Levels &levels, const float *scratch, const Tile &t, Element *y,
                 const RowPointers<Element> *residual, Groups g, Fetch *fetch) {
    run_last(call, levels, scratch, t, y, residual, g, fetch);
}

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
