// Forward of the fused layer along contiguous rows.
#include "pieces.h"
#include "rows.h"

struct RowTask {
    const float *threshold, *scale;  // at the first coefficient of the row part
    bool keep_first, past_cache;
    vi first_lanes;                  // all ones in the lanes that hold a coefficient 0
};

// BATCH rows of V vectors each; LANES: length of the transform inside a vector.
template <int V, int LANES, int KIND, bool PLAIN, int BATCH, class T>
static INLINE void row_batch(const T *in, T *out, const RowTask &task, const Constants &k) {
    const int N = V * BATCH, G = N < GROUP ? N : GROUP;
    vf v[N];
    Each<N>::run([&](int i) UNROLLED { v[i] = load(in + i * VL); });
    Each<BATCH>::run([&](int b) UNROLLED { Butterfly<V>::run(v + b * V); });
    InVector<N, LANES>::run(v);
    vf kept[BATCH];
    Each<BATCH>::run([&](int b) UNROLLED { kept[b] = v[b * V] * k.first_factor; });
    if (!PLAIN && task.scale) Each<N>::run([&](int i) UNROLLED { v[i] *= load(task.scale + i % V * VL); });
    Each<N / G>::run([&](int g) UNROLLED {
        nonlinear<G, KIND>(v + g * G, [&](int i) UNROLLED { return load(task.threshold + (g * G + i) % V * VL); }, k);
    });
    if (!PLAIN && task.keep_first)
        Each<BATCH>::run([&](int b) UNROLLED { v[b * V] = task.first_lanes ? kept[b] : v[b * V]; });
    InVector<N, LANES>::run(v);
    Each<BATCH>::run([&](int b) UNROLLED { Butterfly<V>::run(v + b * V); });
    if (N > 1 && task.past_cache)
        Each<N / 2>::run([&](int i) UNROLLED { store_pair_past_cache(out + 2 * i * VL, v[2 * i], v[2 * i + 1]); });
    else Each<N>::run([&](int i) UNROLLED { store(out + i * VL, v[i]); });
}

// PLAIN: neither a table of scales nor an untouched first coefficient.
template <int V, int LANES, int KIND, bool PLAIN, class T>
static NOINLINE void row_core_of(const T *in, T *out, int64_t rows, const RowTask &task, const Constants &k) {
    const int BATCH = V >= 8 ? 1 : 8 / V;
    int64_t r = 0;
    for (; r + BATCH <= rows; r += BATCH)
        row_batch<V, LANES, KIND, PLAIN, BATCH>(in + r * V * VL, out + r * V * VL, task, k);
    if (BATCH > 1)
        for (; r < rows; r++) row_batch<V, LANES, KIND, PLAIN, 1>(in + r * V * VL, out + r * V * VL, task, k);
}

template <int V, int LANES, int KIND, class T>
static INLINE void row_core(const T *in, T *out, int64_t rows, const RowTask &task, const Constants &k) {
    const bool plain = LANES == VL && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !task.scale && !task.keep_first) row_core_of<V, LANES, KIND, plain>(in, out, rows, task, k);
    else row_core_of<V, LANES, KIND, false>(in, out, rows, task, k);
}

template <int KIND, class T>
static INLINE void run_row_core(int vectors, int64_t lanes, const T *in, T *out, int64_t rows, const RowTask &task,
                                const Constants &k) {
    if (vectors == 2) return row_core<2, VL, KIND>(in, out, rows, task, k);
    if (vectors == 4) return row_core<4, VL, KIND>(in, out, rows, task, k);
    if (vectors == 8) return row_core<8, VL, KIND>(in, out, rows, task, k);
    if (lanes == VL) return row_core<1, VL, KIND>(in, out, rows, task, k);
    if (lanes == 2) return row_core<1, 2, KIND>(in, out, rows, task, k);
#if VL > 4
    if (lanes == 4) return row_core<1, 4, KIND>(in, out, rows, task, k);
#endif
#if VL > 8
    if (lanes == 8) return row_core<1, 8, KIND>(in, out, rows, task, k);
#endif
}

#if !defined(LINES_AHEAD)
#define LINES_AHEAD 1  // rows: the one that is fetched while another is worked on comes so many after it
#endif

// One part of a row in scratch, at `level`, a level below the top.
static void row_levels(int level, float *part, const Levels &levels, const Call &call, int64_t at, Ahead ahead) {
    const int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (ahead.row) fetch_lines(ahead.row + at * ahead.bytes, radix * VL * ahead.bytes);
        const RowTask task = {call.threshold + at, call.scale ? call.scale + at : 0, call.plan->g.keep_first && at == 0,
                              false, call.first_lanes};
        if (call.plan->g.nonlinearity == SMOOTH) run_row_core<SMOOTH>(radix, VL, part, part, 1, task, call.constants);
        else run_row_core<SOFT>(radix, VL, part, part, 1, task, call.constants);
        return;
    }
    const int64_t below = levels.rows[level + 1] * VL, stride = levels.stride[level + 1];
    row_stage<false>(radix, part, stride, part, stride, below / VL);
    for (int j = 0; j < radix; j++) row_levels(level + 1, part + j * stride, levels, call, at + j * below, ahead);
    row_stage<false>(radix, part, stride, part, stride, below / VL);
}

// All between the first pass of a row and its last one.
static NOINLINE void row_inner(float *scratch, const Call &call, Ahead ahead) {
    const Levels &levels = call.plan->levels;
    for (int j = 0; j < levels.radix[0]; j++)
        row_levels(1, scratch + j * levels.stride[1], levels, call, j * levels.rows[1] * VL, ahead);
}

// A whole row of several levels: from `in` to `out`, which may be the same memory, through `scratch`.
template <class T>
static void row_through(const T *in, T *out, float *scratch, const Call &call, bool past_cache, Ahead ahead) {
    const Levels &levels = call.plan->levels;
    const int radix = levels.radix[0];
    const int64_t part = levels.rows[1] * VL, stride = levels.stride[1];
    row_stage<false>(radix, in, part, scratch, stride, part / VL);
    row_inner(scratch, call, ahead);
    if (past_cache) row_stage<true>(radix, scratch, stride, out, part, part / VL);
    else row_stage<false>(radix, scratch, stride, out, part, part / VL);
}

// One row by pieces: from x to y, both at its first element. Other types than float are rounded on a way of their own.
static INLINE void write_pieces(int radix, float *scratch, const Pieces &p, float *y, const Geometry &) {
    run_last_pieces(radix, scratch, p, y);
}
template <class T> static INLINE void write_pieces(int radix, float *scratch, const Pieces &p, T *y, const Geometry &g) {
    const int64_t part = p.count / radix;
    row_stage<false>(radix, scratch, part * VL, scratch, part * VL, part);
    scatter(scratch, g.p2, g.m1, g.m2_last, g.y1, y, (const T *)0, 0, 0, 0);
}
template <class T> static void row_by_pieces(const T *x, T *y, const Pieces &p, float *scratch, const Call &call) {
    const int radix = call.plan->levels.radix[0];
    run_first_pieces(radix, x, p, scratch);
    row_inner(scratch, call, Ahead{0, 0});
    write_pieces(radix, scratch, p, y, call.plan->g);
}

// Some rows on the way through registers, or a row through the levels.
template <class T>
static INLINE void rows_done(const T *in, T *out, int64_t vectors, float *scratch, const Call &call, bool past_cache,
                             Ahead ahead) {
    const Plan &plan = *call.plan;
    if (plan.levels.count > 1) return row_through(in, out, scratch, call, past_cache, ahead);
    const RowTask task = {call.threshold, call.scale, plan.g.keep_first != 0, past_cache, call.first_lanes};
    if (plan.g.nonlinearity == SMOOTH)
        run_row_core<SMOOTH>(plan.levels.radix[0], plan.length, in, out, vectors, task, call.constants);
    else run_row_core<SOFT>(plan.levels.radix[0], plan.length, in, out, vectors, task, call.constants);
}

template <class T> static void rows_forward(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Plan &plan = *call.plan;
    const Geometry &g = plan.g;
    float *scratch = arena(SCRATCH, plan.scratch_floats * sizeof(float));
    if (!scratch) {
        call.failed = 1;
        return;
    }
    const T *x = (const T *)call.x;
    T *y = (T *)call.y;
    const int64_t length = plan.length, all = g.outer * g.blocks;
    Pieces pieces;
    find_pieces(plan, &pieces);
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t row = unit * plan.batch, rows = all - row < plan.batch ? all - row : plan.batch;
        if (pieces.count && unit * g.x_outer + pieces.reach <= plan.x_extent) {
            row_by_pieces(x + unit * g.x_outer, y + unit * g.y_outer, pieces, scratch, call);
            continue;
        }
        // Rows shorter than a vector share one; a part-filled last vector goes through scratch.
        if (plan.whole && (length >= VL || rows * length % VL == 0)) {
            const T *in = x + row * length;
            T *out = y + row * length;
            const Ahead ahead = {plan.prefetch ? (const char *)(in + LINES_AHEAD * length) : 0, sizeof(T)};
            rows_done(in, out, length >= VL ? rows : rows * length / VL, scratch, call,
                      call.past_cache && (uintptr_t)out % sizeof(vf) == 0, ahead);
            continue;
        }
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(g, row + r);
            gather(x + p.x, x + plan.x_extent, g.n1, p.n2, g.x1, g.p1, g.p2, scratch + r * length);
        }
        rows_done(scratch, scratch, length >= VL ? rows : (rows * length + VL - 1) / VL, scratch, call, false, Ahead{0, 0});
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(g, row + r);
            scatter(scratch + r * length, g.p2, g.m1, p.m2, g.y1, y + p.y, g.residual ? x + p.x : (const T *)0, g.x1, g.n1,
                    p.n2);
        }
    }
    if (call.past_cache) fence_stores();
}

Work rows_forward_work() { return rows_forward<Element>; }
