// Work along contiguous rows: stages over whole vectors first, then inside the vector by swapping lanes.
//
// A plane is a row too. In natural order the matrix of the 2-D transform of a p1 x p2 plane is H(p1) (x) H(p2), and by
// Sylvester's construction that is H(p1 p2): the plane, read row after row, is one row of p1 * p2 values. So there is no
// second pass along the other axis, and nothing is ever transposed. Planes with gaps are gathered into such a row first.
#pragma once
#include "call.h"

// Lane l gets +1 where it keeps its sign in the butterfly with lane l ^ H, else -1.
template <int H> static INLINE vf signs() {
    vf s = splat(1.0f);
    for (int l = 0; l < VL; l++) s[l] = l & H ? -1.0f : 1.0f;
    return s;
}
template <int N, int LANES> struct InVector {
    static INLINE void run(vf *v) {
        InVector<N, LANES / 2>::run(v);
        const vf sign = signs<LANES / 2>();
        Each<N>::run([&](int i) UNROLLED { v[i] = v[i] * sign + Swap<LANES / 2>::of(v[i]); });
    }
};
template <int N> struct InVector<N, 1> {
    static INLINE void run(vf *) {}
};

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

template <bool PAST_CACHE, class In, class Out>
static NOINLINE void row_stage(int radix, const In *in, int64_t in_stride, Out *out, int64_t out_stride,
                               int64_t columns) {
    switch (radix) {
        case 2: return stage<2, PAST_CACHE>(in, in_stride, out, out_stride, columns);
        case 4: return stage<4, PAST_CACHE>(in, in_stride, out, out_stride, columns);
        case 8: return stage<8, PAST_CACHE>(in, in_stride, out, out_stride, columns);
        default: return stage<16, PAST_CACHE>(in, in_stride, out, out_stride, columns);
    }
}

// Fetches `bytes` from p on, which need not exist.
static INLINE void fetch_lines(const void *p, int64_t bytes) {
    for (int64_t c = 0; c < bytes; c += 64) __builtin_prefetch((const char *)p + c, 0, 3);
}

#if !defined(LINES_AHEAD)
#define LINES_AHEAD 1  // rows: the one that is fetched while another is worked on comes so many after it
#endif

// The row to come, of elements of `bytes` each, fetched part by part; or null.
struct Ahead {
    const char *row;
    int64_t bytes;
};

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

// A whole row of several levels: from `in` to `out`, which may be the same memory, through `scratch`.
template <class T>
static void row_through(const T *in, T *out, float *scratch, const Call &call, bool past_cache, Ahead ahead) {
    const Levels &levels = call.plan->levels;
    const int radix = levels.radix[0];
    const int64_t part = levels.rows[1] * VL, stride = levels.stride[1];
    row_stage<false>(radix, in, part, scratch, stride, part / VL);
    for (int j = 0; j < radix; j++) row_levels(1, scratch + j * stride, levels, call, j * part, ahead);
    if (past_cache) row_stage<true>(radix, scratch, stride, out, part, part / VL);
    else row_stage<false>(radix, scratch, stride, out, part, part / VL);
}

// Where row number `row` of a plan begins and how much of it is there.
struct RowPlace {
    int64_t x, y, n2, m2;
};
static INLINE RowPlace row_place(const Geometry &g, int64_t row) {
    int64_t block = row % g.blocks, outer = row / g.blocks;
    bool last = block == g.blocks - 1;
    RowPlace p = {outer * g.x_outer + block * g.x_block, outer * g.y_outer + block * g.y_block, last ? g.n2_last : g.n2,
                  last ? g.m2_last : g.m2};
    return p;
}

// n1 segments of n2 elements, `stride` apart, into p1 segments of p2 floats with zeros in the rest. Whole
// vectors are stored in rising order, so what one spills is overwritten by the next; `out` has VL to spare.
template <class T>
static INLINE void gather(const T *x, const T *end, int64_t n1, int64_t n2, int64_t stride, int64_t p1, int64_t p2,
                          float *out) {
    if (stride == n2 && n2 == p2) {  // no gaps: one long segment
        n2 *= n1;
        p2 *= p1;
        n1 = p1 = 1;
    }
    const vi mask = lanes_below(n2 % VL);
    for (int64_t i = 0; i < n1; i++, x += stride, out += p2) {
        int64_t c = 0;
        for (; c + VL <= n2; c += VL) store(out + c, load(x + c));
        if (c < n2) {
            vf v = x + c + VL <= end ? load(x + c) : load_partial(x + c, n2 - c);
            store(out + c, (vf)((vi)v & mask));
            c += VL;
        }
        for (; c < p2; c += VL) store(out + c, splat(0.0f));
    }
    for (int64_t c = 0; c < (p1 - n1) * p2; c += VL) store(out + c, splat(0.0f));
}

// The valid m1 x m2 part of a block of rows p2 floats long, to segments `stride` apart, plus x if there is one.
template <class T>
static INLINE void scatter(const float *in, int64_t p2, int64_t m1, int64_t m2, int64_t stride, T *y, const T *x,
                           int64_t x_stride, int64_t n1, int64_t n2) {
    if (stride == m2 && m2 == p2 && (!x || (x_stride == n2 && n2 == p2 && n1 == m1))) {  // no gaps: one long segment
        m2 *= m1;
        n2 *= n1;
        m1 = n1 = 1;
    }
    for (int64_t i = 0; i < m1; i++, in += p2, y += stride) {
        int64_t c = 0;
        for (; c < m2; c += VL) {
            int64_t rest = m2 - c;
            vf v = load(in + c);
            if (x && i < n1 && c < n2) {
                int64_t there = n2 - c;
                v += there >= VL ? load(x + i * x_stride + c) : load_partial(x + i * x_stride + c, there);
            }
            // Past this segment lies the next one, written after this: whole vectors may spill into it.
            if (rest >= VL || (!x && stride == m2 && (m1 - 1 - i) * stride + rest >= VL)) store(y + c, v);
            else store_partial(y + c, v, rest);
        }
    }
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
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t row = unit * plan.batch, rows = all - row < plan.batch ? all - row : plan.batch;
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
