// Backward of the fused layer along contiguous rows: what reads and writes the tensors.
#include "backward_rows.h"

// A row of several levels, from x and g to `out`, which may be one of them.
static INLINE void row_through_backward(const Element *x_in, const Element *g_in, Element *out, float *x, float *g,
                                        const Call &call, Sums sums, bool past_cache, AheadRows ahead) {
    const Levels &levels = call.plan->backward;
    const int radix = levels.radix[0];
    const int64_t part = levels.rows[1] * VL;
    first_row_stage(radix, x_in, x, part);
    first_row_stage(radix, g_in, g, part);
    for (int j = 0; j < radix; j++) row_levels_backward(1, x + j * part, g + j * part, levels, call, j * part, sums, ahead);
    last_row_stage(radix, g, out, part, past_cache);
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
            gather_row(x + p.x, x + plan.x_extent, o.n1, p.n2, o.x1, o.p1, o.p2, x_scratch + r * length);
            gather_row(g + p.y, g + plan.y_extent, o.m1, p.m2, o.y1, o.p1, o.p2, g_scratch + r * length);
        }
        for (int64_t i = filled; i < vectors * VL; i++) x_scratch[i] = g_scratch[i] = 0;
        if (levels) row_levels_backward(0, x_scratch, g_scratch, plan.backward, call, 0, sums, AheadRows{{0, 0}, {0, 0}});
        else row_core_backward(x_scratch, g_scratch, g_scratch, length >= VL ? rows : vectors, call, 0, sums);
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(o, row + r);
            scatter_row(g_scratch + r * length, o.p2, o.n1, p.n2, o.x1, y + p.x, o.residual ? g + p.y : (const T *)0,
                        o.y1, o.m1, p.m2);
        }
    }
}
