// Work along a strided axis: vectors run over the contiguous elements beside it, so no lane ever moves.
// One tile is all rows of the axis by a few vectors: read once, transformed in scratch, written once.
#pragma once
#include "call.h"

struct Tile {
    const int64_t *x_offset, *y_offset;
    int64_t columns;  // vectors, the last one partial if tail > 0
    int64_t tail;
    bool whole_rows;  // no tail and no cropped row
};

template <class T> struct RowPointers {
    const T *base, *end;       // end: first element past the tensor
    const int64_t *offset;
    INLINE const T *operator[](int64_t row) const {
        return offset[row] < 0 ? (const T *)ZEROS : base + offset[row];
    }
};

template <class T> static INLINE vf load_tail(const T *p, int64_t tail, const T *end) {
    // The lanes past the tail belong to a next row and are dropped on storing; only the end needs care.
    return p + VL <= end ? load(p) : load_partial(p, tail);
}

template <int R, class T>
static NOINLINE void first_pass(const RowPointers<T> &rows, const Tile &t, float *scratch, const Levels &levels) {
    int64_t groups = levels.rows[0] / R, stride = R == 1 ? 0 : levels.stride[1];
    int64_t whole = t.columns - (t.tail > 0);
    for (int64_t g = 0; g < groups; g++) {
        const T *p[R];
        float *q = scratch + levels.position[g];
        Each<R>::run([&](int j) UNROLLED { p[j] = rows[g + j * groups]; });
        for (int64_t c = 0; c < t.columns; c++) {
            vf v[R];
            if (c < whole) Each<R>::run([&](int j) UNROLLED { v[j] = load(p[j] + c * VL); });
            else Each<R>::run([&](int j) UNROLLED { v[j] = load_tail(p[j] + c * VL, t.tail, rows.end); });
            Butterfly<R>::run(v);
            Each<R>::run([&](int j) UNROLLED { store(q + j * stride + c * VL, v[j]); });
        }
    }
}

enum StoreMode { IN_CACHE, PAST_CACHE, CAREFUL };  // CAREFUL: cropped rows, tails, residual

template <int R, class T, StoreMode MODE>
static NOINLINE void last_pass(const float *scratch, const Levels &levels, const Tile &t, T *y,
                               const RowPointers<T> *residual) {
    int64_t groups = levels.rows[0] / R, stride = R == 1 ? 0 : levels.stride[1];
    int64_t whole = t.columns - (t.tail > 0);
    for (int64_t g = 0; g < groups; g++) {
        T *p[R];
        const T *x[R];
        const float *q = scratch + levels.position[g];
        Each<R>::run([&](int j) UNROLLED {
            int64_t offset = t.y_offset[g + j * groups];
            p[j] = MODE == CAREFUL && offset < 0 ? (T *)0 : y + offset;
            x[j] = MODE == CAREFUL && residual ? (*residual)[g + j * groups] : (const T *)0;
        });
        for (int64_t c = 0; c < t.columns; c++) {
            vf v[R];
            Each<R>::run([&](int j) UNROLLED { v[j] = load(q + j * stride + c * VL); });
            Butterfly<R>::run(v);
            Each<R>::run([&](int j) UNROLLED {
                if (MODE == IN_CACHE) store(p[j] + c * VL, v[j]);
                else if (MODE == PAST_CACHE) store_past_cache((float *)p[j] + c * VL, v[j]);
                else if (p[j]) {
                    if (c < whole) {
                        if (residual) v[j] += load(x[j] + c * VL);
                        store(p[j] + c * VL, v[j]);
                    } else {
                        if (residual) v[j] += load_tail(x[j] + c * VL, t.tail, residual->end);
                        store_partial(p[j] + c * VL, v[j], t.tail);
                    }
                }
            });
        }
    }
}

template <int R>
static NOINLINE void middle_pass(float *block, const int32_t *position, int64_t groups, int64_t stride, int64_t columns) {
    for (int64_t g = 0; g < groups; g++) {
        float *p = block + position[g];
        stage<R, false>(p, stride, p, stride, columns);
    }
}

// Both transforms' innermost stages with the nonlinearity between them, in registers.
template <int R, int KIND>
static NOINLINE void core_pass(float *block, int64_t row_floats, int64_t columns, const float *threshold,
                               const float *scale, bool keep_first, const Constants &k) {
    const int N = R < GROUP ? R : GROUP;
    for (int64_t c = 0; c < columns; c++) {
        vf v[R], t[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(block + j * row_floats + c * VL); });
        Each<R>::run([&](int j) UNROLLED { t[j] = splat(threshold[j]); });
        Butterfly<R>::run(v);
        vf kept = v[0] * k.first_factor;
        if (scale) Each<R>::run([&](int j) UNROLLED { v[j] *= splat(scale[j]); });
        Each<R / N>::run([&](int i) UNROLLED { nonlinear<N, KIND>(v + i * N, t + i * N, k); });
        if (keep_first) v[0] = kept;
        Butterfly<R>::run(v);
        Each<R>::run([&](int j) UNROLLED { store(block + j * row_floats + c * VL, v[j]); });
    }
}

static INLINE void run_middle(int radix, float *block, const int32_t *position, int64_t groups, int64_t stride,
                              int64_t columns) {
    switch (radix) {
        case 2: return middle_pass<2>(block, position, groups, stride, columns);
        case 4: return middle_pass<4>(block, position, groups, stride, columns);
        case 8: return middle_pass<8>(block, position, groups, stride, columns);
        default: return middle_pass<16>(block, position, groups, stride, columns);
    }
}

template <int KIND>
static INLINE void run_core(int radix, float *block, int64_t row_floats, int64_t columns, const Call &call, int64_t row) {
    const float *threshold = call.threshold + row, *scale = call.scale ? call.scale + row : 0;
    bool keep = call.plan->g.keep_first && row == 0;
    switch (radix) {
        case 1: return core_pass<1, KIND>(block, row_floats, columns, threshold, scale, keep, call.constants);
        case 2: return core_pass<2, KIND>(block, row_floats, columns, threshold, scale, keep, call.constants);
        case 4: return core_pass<4, KIND>(block, row_floats, columns, threshold, scale, keep, call.constants);
        default: return core_pass<8, KIND>(block, row_floats, columns, threshold, scale, keep, call.constants);
    }
}

// Level 1 and below of one tile: down through the forward stages, the nonlinearity, up through the inverse.
template <class Core>
static void inner_levels(int level, float *block, const Levels &levels, int64_t columns, int64_t row, const Core &core) {
    int radix = levels.radix[level];
    if (level == levels.count - 1) return core(block, row);
    int64_t groups = levels.rows[level + 1], stride = levels.stride[level + 1];
    run_middle(radix, block, levels.position, groups, stride, columns);
    for (int j = 0; j < radix; j++)
        inner_levels(level + 1, block + j * stride, levels, columns, row + j * groups, core);
    run_middle(radix, block, levels.position, groups, stride, columns);
}

// Where unit number `unit` of a strided plan lies.
struct Place {
    int64_t x, y;  // element offsets of the tile's first element
    Tile tile;
};

static INLINE Place place(const Plan &plan, int64_t unit) {
    const Geometry &g = plan.g;
    int64_t tile = unit % plan.tiles, rest = unit / plan.tiles;
    int64_t block = rest % g.blocks, outer = rest / g.blocks, begin = tile * plan.tile;
    int64_t width = g.inner - begin < plan.tile ? g.inner - begin : plan.tile;
    bool last = block == g.blocks - 1;
    Place p;
    p.x = outer * g.x_outer + block * g.x_block + begin;
    p.y = outer * g.y_outer + block * g.y_block + begin;
    p.tile.x_offset = last ? plan.x_offset_last : plan.x_offset;
    p.tile.y_offset = last ? plan.y_offset_last : plan.y_offset;
    p.tile.columns = (width + VL - 1) / VL;
    p.tile.tail = width % VL;
    p.tile.whole_rows = plan.whole && p.tile.tail == 0;
    return p;
}

template <class T>
static INLINE void run_first(int radix, const RowPointers<T> &rows, const Tile &t, float *scratch, const Levels &levels) {
    switch (radix) {
        case 2: return first_pass<2>(rows, t, scratch, levels);
        case 4: return first_pass<4>(rows, t, scratch, levels);
        case 8: return first_pass<8>(rows, t, scratch, levels);
        default: return first_pass<16>(rows, t, scratch, levels);
    }
}

template <class T, StoreMode MODE>
static INLINE void run_last(int radix, const float *scratch, const Levels &levels, const Tile &t, T *y,
                            const RowPointers<T> *residual) {
    switch (radix) {
        case 2: return last_pass<2, T, MODE>(scratch, levels, t, y, residual);
        case 4: return last_pass<4, T, MODE>(scratch, levels, t, y, residual);
        case 8: return last_pass<8, T, MODE>(scratch, levels, t, y, residual);
        default: return last_pass<16, T, MODE>(scratch, levels, t, y, residual);
    }
}

template <class T> struct PastCache {
    static INLINE bool run(const Call &, int, const float *, const Levels &, const Tile &, T *) { return false; }
};
template <> struct PastCache<float> {
    static INLINE bool run(const Call &call, int radix, const float *scratch, const Levels &levels, const Tile &t, float *y) {
        if (!call.past_cache || (uintptr_t)y % sizeof(vf)) return false;  // the plan says that the strides keep it
        run_last<float, PAST_CACHE>(radix, scratch, levels, t, y, 0);
        return true;
    }
};

template <class T>
static INLINE void finish(const Call &call, const Levels &levels, const Tile &t, const float *scratch, T *y,
                          const RowPointers<T> *residual) {
    if (residual || !t.whole_rows) return run_last<T, CAREFUL>(levels.radix[0], scratch, levels, t, y, residual);
    if (!PastCache<T>::run(call, levels.radix[0], scratch, levels, t, y))
        run_last<T, IN_CACHE>(levels.radix[0], scratch, levels, t, y, 0);
}

template <class T> static void strided_forward(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Plan &plan = *call.plan;
    const Levels &levels = plan.levels;
    float *scratch = arena(SCRATCH, plan.scratch_floats * sizeof(float));
    if (!scratch) {
        call.failed = 1;
        return;
    }
    const T *x = (const T *)call.x;
    for (int64_t unit = begin; unit < end; unit++) {
        Place here = place(plan, unit), next = place(plan, unit + 1 < end ? unit + 1 : unit);
        RowPointers<T> rows = {x + here.x, x + plan.x_extent, here.tile.x_offset};
        RowPointers<T> ahead = {x + next.x, x + plan.x_extent, next.tile.x_offset};
        bool fetch = plan.prefetch && unit + 1 < end;
        const int64_t columns = here.tile.columns;
        run_first(levels.radix[0], rows, here.tile, scratch, levels);
        auto core = [&](float *block, int64_t row) {
            int radix = levels.radix[levels.count - 1];
            if (fetch)
                for (int j = 0; j < radix; j++)
                    for (int64_t c = 0; c < columns * VL * (int64_t)sizeof(T); c += 64)
                        __builtin_prefetch((const char *)ahead[row + j] + c, 0, 2);
            if (plan.g.nonlinearity == SMOOTH) run_core<SMOOTH>(radix, block, plan.tile, columns, call, row);
            else run_core<SOFT>(radix, block, plan.tile, columns, call, row);
        };
        for (int j = 0; j < levels.radix[0]; j++)
            inner_levels(1, scratch + j * levels.stride[1], levels, columns, j * levels.rows[1], core);
        finish(call, levels, here.tile, scratch, (T *)call.y + here.y, plan.g.residual ? &rows : 0);
    }
    if (call.past_cache) fence_stores();
}
