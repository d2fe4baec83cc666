// Backward of the fused layer along a strided axis.
#include "backward.h"
#include "strided.h"

#if !defined(BACKWARD_AHEAD)
#define BACKWARD_AHEAD 80  // rows of x and of the gradient to come, as ROWS_AHEAD: rows a page apart share few cache sets
#endif

// R rows of x and of g, already transformed down to here; the gradient replaces g. PLAIN: neither scales nor an
// untouched first coefficient.
template <int R, int KIND, bool PLAIN>
static NOINLINE void core_backward(const float *x, float *g, int64_t row_floats, int64_t columns, const Call &call,
                                   int64_t row, Sums sums) {
    const vf factor = gradient_factor(call, !call.scale), first = gradient_factor(call, true);
    const bool keep = !PLAIN && call.plan->g.keep_first && row == 0;
    const int N = R < BACKWARD_GROUP ? R : BACKWARD_GROUP;
    Walk<R, const float> x_at(x, row_floats);
    Walk<R, float> g_at(g, row_floats);
    for (int64_t c = 0; c < columns; c++, x_at.next(), g_at.next()) {
        vf v[R], u[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(x_at.row(j)); });
        Butterfly<R>::run(v);
        Each<R>::run([&](int j) UNROLLED { u[j] = load(g_at.row(j)); });
        Butterfly<R>::run(u);
        const vf kept = u[0] * first;
        Each<R / N>::run([&](int i) UNROLLED {
            coefficients<N, KIND, PLAIN>(v + i * N, u + i * N, call, sums, factor, AtRow{row + i * N});
        });
        if (keep) u[0] = kept;
        Butterfly<R>::run(u);
        Each<R>::run([&](int j) UNROLLED { store(g_at.row(j), u[j]); });
    }
}

template <int R, int KIND>
static INLINE void core_backward_of(const float *x, float *g, int64_t row_floats, int64_t columns, const Call &call,
                                    int64_t row, Sums sums) {
    const bool plain = R == 8 && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !call.scale && !call.plan->g.keep_first) core_backward<R, KIND, plain>(x, g, row_floats, columns, call, row, sums);
    else core_backward<R, KIND, false>(x, g, row_floats, columns, call, row, sums);
}

template <int KIND>
static INLINE void run_core_backward(int radix, const float *x, float *g, int64_t row_floats, int64_t columns,
                                     const Call &call, int64_t row, Sums sums) {
    switch (radix) {
        case 1: return core_backward_of<1, KIND>(x, g, row_floats, columns, call, row, sums);
        case 2: return core_backward_of<2, KIND>(x, g, row_floats, columns, call, row, sums);
        case 4: return core_backward_of<4, KIND>(x, g, row_floats, columns, call, row, sums);
        default: return core_backward_of<8, KIND>(x, g, row_floats, columns, call, row, sums);
    }
}

static void inner_backward(int level, float *x, float *g, const Levels &levels, int64_t columns, const Call &call,
                           int64_t row, Sums sums) {
    int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (call.plan->g.nonlinearity == SMOOTH)
            run_core_backward<SMOOTH>(radix, x, g, call.plan->backward_cut.tile, columns, call, row, sums);
        else run_core_backward<SOFT>(radix, x, g, call.plan->backward_cut.tile, columns, call, row, sums);
        return;
    }
    int64_t groups = levels.rows[level + 1], stride = levels.stride[level + 1];
    run_middle(levels, level, x, call.plan->backward_cut.tile, columns, 0);
    run_middle(levels, level, g, call.plan->backward_cut.tile, columns, 0);
    for (int j = 0; j < radix; j++)
        inner_backward(level + 1, x + j * stride, g + j * stride, levels, columns, call, row + j * groups, sums);
    run_middle(levels, level, g, call.plan->backward_cut.tile, columns, 0);
}

void strided_backward_units(Call &call, int64_t begin, int64_t end, float *x_scratch, float *g_scratch, Sums sums) {
    typedef Element T;
    const Plan &plan = *call.plan;
    const Levels &levels = plan.backward;
    const T *x = (const T *)call.x, *g = (const T *)call.g;
    const int64_t groups = levels.rows[0] / levels.radix[0];
    // The second cache holds the next tile of a short axis: its rows are fetched while this one is computed. Of a long axis
    // it holds some rows alone: the first pass fetches as it reads, the first of them come while the tile before is written.
    const bool whole_tile = plan.length <= 128;
    const int64_t part = plan.length / levels.radix[0];
    Fetch x_fetch, g_fetch;
    x_fetch.begin(plan.x_rows, groups, sizeof(T), plan.backward_cut.tile * sizeof(T), plan.backward_cut.tile / VL);
    g_fetch.begin(plan.y_rows, groups, sizeof(T), plan.backward_cut.tile * sizeof(T), plan.backward_cut.tile / VL);
    auto aim = [&](int64_t unit) {
        if (!plan.prefetch || unit >= end) return;
        const Place next = place(plan, plan.backward_cut, unit);
        x_fetch.aim(x + next.x);
        g_fetch.aim(g + next.y);
    };
    auto fetch_rows = [&](int64_t rows) {
        for (int64_t i = 0; i < rows; i++) {
            x_fetch.one();
            g_fetch.one();
        }
    };
    aim(begin);
    fetch_rows(BACKWARD_AHEAD);
    for (int64_t unit = begin; unit < end; unit++) {
        Place here = place(plan, plan.backward_cut, unit);
        Tile &t = here.tile;
        RowPointers<T> x_rows = {x + here.x, x + plan.x_extent, t.x_rows};
        RowPointers<T> g_rows = {g + here.y, g + plan.y_extent, t.y_rows};
        const Groups all = {0, groups};
        run_first(levels, x_rows, t, x_scratch, all, plan.prefetch ? &x_fetch : 0);
        run_first(levels, g_rows, t, g_scratch, all, plan.prefetch ? &g_fetch : 0);
        if (t.tail) {  // lanes that are done twice or past the tail are no part of the sums
            const vi mask = t.narrow() ? lanes_below(t.tail) : ~lanes_below(VL - t.tail);
            for (int64_t r = 0; r < plan.length; r++) {
                float *p = g_scratch + levels.position[r] + (t.columns() - 1) * VL;
                store(p, (vf)((vi)load(p) & mask));
                p = x_scratch + levels.position[r] + (t.columns() - 1) * VL;
                store(p, (vf)((vi)load(p) & mask));
            }
        }
        if (whole_tile) aim(unit + 1);
        for (int j = 0; j < levels.radix[0]; j++) {
            int64_t at = j * levels.stride[1], row = j * levels.rows[1];
            if (whole_tile) fetch_rows(part);
            inner_backward(1, x_scratch + at, g_scratch + at, levels, t.columns(), call, row, sums);
        }
        if (!whole_tile) {
            aim(unit + 1);
            fetch_rows(BACKWARD_AHEAD);
        }
        Tile out = t;  // the gradient has the input's shape
        out.y_rows = t.x_rows;
        run_last(call, levels, g_scratch, out, (T *)call.y + here.x, plan.g.residual ? &g_rows : 0, all, 0);
    }
}
