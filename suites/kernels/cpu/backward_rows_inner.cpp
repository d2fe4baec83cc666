// Backward of the fused layer along contiguous rows, between the first pass and the last: float32 in scratch.
#include "backward_rows.h"

// One part of a row, V vectors, or SHORT rows that share one; first_lanes as in the forward. Adds up one sum per coefficient.
template <int V, bool SHORT, int KIND, bool PLAIN>
static NOINLINE void row_backward_of(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const vf factor = gradient_factor(call, !call.scale), first = gradient_factor(call, true);
    const bool keep = !PLAIN && call.plan->g.keep_first && at == 0;
    const int64_t length = call.plan->length;
    const int N = V < BACKWARD_GROUP ? V : BACKWARD_GROUP;
    for (int64_t r = 0; r < rows; r++, x += V * VL, g += V * VL, out += V * VL) {
        vf v[V], u[V];
        Each<V>::run([&](int i) UNROLLED { v[i] = load(x + i * VL); });
        Butterfly<V>::run(v);
        lane_stages<V, SHORT>(v, length);
        Each<V>::run([&](int i) UNROLLED { u[i] = load(g + i * VL); });
        Butterfly<V>::run(u);
        lane_stages<V, SHORT>(u, length);
        const vf kept = u[0] * first;
        Each<V / N>::run([&](int i) UNROLLED {
            coefficients<N, KIND, PLAIN>(v + i * N, u + i * N, call, sums, factor, AtLanes{at + i * N * VL});
        });
        if (keep) u[0] = call.first_lanes ? kept : u[0];
        lane_stages<V, SHORT>(u, length);
        Butterfly<V>::run(u);
        Each<V>::run([&](int i) UNROLLED { store(out + i * VL, u[i]); });
    }
}

// The usual case alone has code of its own: code takes time to build.
template <int V, int KIND>
static INLINE void row_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const bool plain = KIND == SMOOTH && !call.scale && !call.plan->g.keep_first;
    if (plain && (V > 1 || call.plan->length >= VL))
        row_backward_of<V, false, KIND, KIND == SMOOTH>(x, g, out, rows, call, at, sums);
    else row_backward_of<V, V == 1, KIND, false>(x, g, out, rows, call, at, sums);
}

template <int KIND>
static INLINE void run_row_backward(int vectors, const float *x, const float *g, float *out, int64_t rows, const Call &call,
                                    int64_t at, Sums sums) {
    if (vectors == 2) return row_backward<2, KIND>(x, g, out, rows, call, at, sums);
    if (vectors == 4) return row_backward<4, KIND>(x, g, out, rows, call, at, sums);
    if (vectors == 8) return row_backward<8, KIND>(x, g, out, rows, call, at, sums);
    row_backward<1, KIND>(x, g, out, rows, call, at, sums);
}

void row_core_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const Levels &levels = call.plan->backward;
    const int vectors = levels.radix[levels.count - 1];
    if (call.plan->g.nonlinearity == SMOOTH) run_row_backward<SMOOTH>(vectors, x, g, out, rows, call, at, sums);
    else run_row_backward<SOFT>(vectors, x, g, out, rows, call, at, sums);
}

// Parts of x and of the gradient in scratch, at `level`, a level below the top; the gradient of x replaces g.
void row_levels_backward(int level, float *x, float *g, const Levels &levels, const Call &call, int64_t at,
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
