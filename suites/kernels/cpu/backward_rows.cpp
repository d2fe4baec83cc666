// Backward of the fused layer along contiguous rows.
#include "backward.h"
#include "rows.h"

// One part of a row, V vectors; LANES and first_lanes as in the forward. Adds up one sum per coefficient.
template <int V, int LANES, int KIND, bool PLAIN>
static NOINLINE void row_backward_of(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const vf factor = gradient_factor(call, !call.scale), first = gradient_factor(call, true);
    const bool keep = !PLAIN && call.plan->g.keep_first && at == 0;
    const int N = V < BACKWARD_GROUP ? V : BACKWARD_GROUP;
    for (int64_t r = 0; r < rows; r++, x += V * VL, g += V * VL, out += V * VL) {
        vf v[V], u[V];
        Each<V>::run([&](int i) UNROLLED { v[i] = load(x + i * VL); });
        Butterfly<V>::run(v);
        InVector<V, LANES>::run(v);
        Each<V>::run([&](int i) UNROLLED { u[i] = load(g + i * VL); });
        Butterfly<V>::run(u);
        InVector<V, LANES>::run(u);
        const vf kept = u[0] * first;
        Each<V / N>::run([&](int i) UNROLLED {
            coefficients<N, KIND, PLAIN>(v + i * N, u + i * N, call, sums, factor, AtLanes{at + i * N * VL});
        });
        if (keep) u[0] = call.first_lanes ? kept : u[0];
        InVector<V, LANES>::run(u);
        Butterfly<V>::run(u);
        Each<V>::run([&](int i) UNROLLED { store(out + i * VL, u[i]); });
    }
}

template <int V, int LANES, int KIND>
static INLINE void row_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const bool plain = LANES == VL && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !call.scale && !call.plan->g.keep_first) row_backward_of<V, LANES, KIND, plain>(x, g, out, rows, call, at, sums);
    else row_backward_of<V, LANES, KIND, false>(x, g, out, rows, call, at, sums);
}

template <int KIND>
static INLINE void run_row_backward(int vectors, int64_t lanes, const float *x, const float *g, float *out, int64_t rows,
                                    const Call &call, int64_t at, Sums sums) {
    if (vectors == 2) return row_backward<2, VL, KIND>(x, g, out, rows, call, at, sums);
    if (vectors == 4) return row_backward<4, VL, KIND>(x, g, out, rows, call, at, sums);
    if (vectors == 8) return row_backward<8, VL, KIND>(x, g, out, rows, call, at, sums);
    if (lanes >= VL) return row_backward<1, VL, KIND>(x, g, out, rows, call, at, sums);
    if (lanes == 2) return row_backward<1, 2, KIND>(x, g, out, rows, call, at, sums);
#if VL > 4
    if (lanes == 4) return row_backward<1, 4, KIND>(x, g, out, rows, call, at, sums);
#endif
#if VL > 8
    if (lanes == 8) return row_backward<1, 8, KIND>(x, g, out, rows, call, at, sums);
#endif
}

// Rows of x and of the gradient to come, or null.
struct AheadRows {
    Ahead x, g;
};

static INLINE void row_core_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at,
                                     Sums sums) {
    const Levels &levels = call.plan->backward;
    const int vectors = levels.radix[levels.count - 1];
    if (call.plan->g.nonlinearity == SMOOTH)
        run_row_backward<SMOOTH>(vectors, call.plan->length, x, g, out, rows, call, at, sums);
    else run_row_backward<SOFT>(vectors, call.plan->length, x, g, out, rows, call, at, sums);
}

// Parts of x and of the gradient in scratch, at `level`, a level below the top; the gradient of x replaces g.
static void row_levels_backward(int level, float *x, float *g, const Levels &levels, const Call &call, int64_t at,
                                Sums sums, AheadRows ahead) {
    const int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (ahead.x.row) {
            fetch_lines(ahead.x.row + at * ahead.x.bytes, radix * VL * ahead.x.bytes);
            fetch_lines(ahead.g.row + at * ahead.g.bytes, radix * VL * ahead.g.bytes);
        }
        return row_core_backward(x, g, g, 1, call, at, sums);
    }
    const int64_t part = levels.rows[level + 1] * VL;
    row_stage<false>(radix, x, part, x, part, part / VL);
    row_stage<false>(radix, g, part, g, part, part / VL);
    for (int j = 0; j < radix; j++)
        row_levels_backward(level + 1, x + j * part, g + j * part, levels, call, at + j * part, sums, ahead);
    row_stage<false>(radix, g, part, g, part, part / VL);
}

// Rows that are done in registers, or one of several levels: from x and g to `out`, which may be one of them.
template <class T>
static void row_through_backward(const T *x_in, const T *g_in, T *out, float *x, float *g, const Call &call, Sums sums,
                                 bool past_cache, AheadRows ahead) {
    const Levels &levels = call.plan->backward;
    const int radix = levels.radix[0];
    const int64_t part = levels.rows[1] * VL;
    row_stage<false>(radix, x_in, part, x, part, part / VL);
    row_stage<false>(radix, g_in, part, g, part, part / VL);
    for (int j = 0; j < radix; j++) row_levels_backward(1, x + j * part, g + j * part, levels, call, j * part, sums, ahead);
    if (past_cache) row_stage<true>(radix, g, part, out, part, part / VL);
    else row_stage<false>(radix, g, part, out, part, part / VL);
}

void rows_backward_units(Call &call, int64_t begin, int64_t end, float *x_scratch, float *g_scratch, Sums sums) {
    typedef Element T;
    const Plan &plan = *call.plan;
    const Geometry &o = plan.g;
    const bool levels = plan.backward.count > 1, is_float = sizeof(T) == sizeof(float);
    const T *x = (const T *)call.x, *g = (const T *)call.g;
    T *y = (T *)call.y;
    const int64_t length = plan.length, all = o.outer * o.blocks;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t row = unit * plan.batch, rows = all - row < plan.batch ? all - row : plan.batch, from = row * length;
        const int64_t filled = rows * length, vectors = (filled + VL - 1) / VL;
        if (plan.whole && levels) {
            const Ahead x_ahead = {plan.prefetch ? (const char *)(x + from + length) : 0, sizeof(T)};
            const Ahead g_ahead = {plan.prefetch ? (const char *)(g + from + length) : 0, sizeof(T)};
            row_through_backward(x + from, g + from, y + from, x_scratch, g_scratch, call, sums,
                                 call.past_cache && (uintptr_t)(y + from) % sizeof(vf) == 0, AheadRows{x_ahead, g_ahead});
            continue;
        }
        if (plan.whole && is_float && (length >= VL || filled % VL == 0)) {
            row_core_backward((const float *)call.x + from, (const float *)call.g + from, (float *)call.y + from,
                              length >= VL ? rows : vectors, call, 0, sums);
            continue;
        }
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(o, row + r);
            gather(x + p.x, x + plan.x_extent, o.n1, p.n2, o.x1, o.p1, o.p2, x_scratch + r * length);
            gather(g + p.y, g + plan.y_extent, o.m1, p.m2, o.y1, o.p1, o.p2, g_scratch + r * length);
        }
        for (int64_t i = filled; i < vectors * VL; i++) x_scratch[i] = g_scratch[i] = 0;
        if (levels)
            row_through_backward(x_scratch, g_scratch, g_scratch, x_scratch, g_scratch, call, sums, false,
                                 AheadRows{{0, 0}, {0, 0}});
        else row_core_backward(x_scratch, g_scratch, g_scratch, length >= VL ? rows : vectors, call, 0, sums);
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(o, row + r);
            scatter(g_scratch + r * length, o.p2, o.n1, p.n2, o.x1, y + p.x, o.residual ? g + p.y : (const T *)0, o.y1,
                    o.m1, p.m2);
        }
    }
}
