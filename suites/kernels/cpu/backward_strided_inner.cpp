// Backward of the fused layer along a strided axis, between the first pass and the last: float32 in scratch.
#include "backward.h"
#include "strided.h"

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

void inner_backward(int level, float *x, float *g, const Levels &levels, int64_t columns, const Call &call,
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
