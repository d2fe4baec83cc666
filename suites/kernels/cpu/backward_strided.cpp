// Backward of the fused layer along a strided axis.
#include "backward.h"
#include "strided.h"

#if !defined(BACKWARD_AHEAD)
#define BACKWARD_AHEAD 80  // rows of x and of the gradient to come, as ROWS_AHEAD: rows a page apart share few cache sets
#endif

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
        first_groups(levels, x_rows, t, x_scratch, all, plan.prefetch ? &x_fetch : 0);
        first_groups(levels, g_rows, t, g_scratch, all, plan.prefetch ? &g_fetch : 0);
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
        last_groups(call, levels, g_scratch, out, (T *)call.y + here.x, plan.g.residual ? &g_rows : 0, all, 0);
    }
}
