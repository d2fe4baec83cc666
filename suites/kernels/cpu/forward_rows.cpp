// Forward of the fused layer along contiguous rows: what reads and writes the tensors.
#include "backward_rows.h"
#include "pieces.h"
#include "row_core.h"

#if !defined(LINES_AHEAD)
#define LINES_AHEAD 1  // rows: the one that is fetched while another is worked on comes so many after it
#endif

// A whole row of several levels: from `in` to `out`, which may be the same memory, through `scratch`.
template <class T>
static INLINE void row_through(const T *in, T *out, float *scratch, const Call &call, bool past_cache, Ahead ahead) {
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

// Some rows on the way through registers.
static INLINE void row_cores(const Call &call, const float *in, float *out, int64_t rows, bool past_cache) {
    row_cores_floats(call, in, out, rows, past_cache);
}
template <class T> static INLINE void row_cores(const Call &call, const T *in, T *out, int64_t rows, bool past_cache) {
    run_row_cores(call, in, out, rows, past_cache);
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
    const bool levels = plan.levels.count > 1;
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
            const bool past_cache = call.past_cache && (uintptr_t)out % sizeof(vf) == 0;
            if (levels) row_through(in, out, scratch, call, past_cache, ahead);
            else row_cores(call, in, out, length >= VL ? rows : rows * length / VL, past_cache);
            continue;
        }
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(g, row + r);
            gather(x + p.x, x + plan.x_extent, g.n1, p.n2, g.x1, g.p1, g.p2, scratch + r * length);
        }
        if (levels) row_levels(0, scratch, plan.levels, call, 0, Ahead{0, 0});
        else row_cores_floats(call, scratch, scratch, length >= VL ? rows : (rows * length + VL - 1) / VL, false);
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(g, row + r);
            scatter(scratch + r * length, g.p2, g.m1, p.m2, g.y1, y + p.y, g.residual ? x + p.x : (const T *)0, g.x1, g.n1,
                    p.n2);
        }
    }
    if (call.past_cache) fence_stores();
}

void first_row_stage(int radix, const Element *in, float *out, int64_t part) {
    row_stage<false>(radix, in, part, out, part, part / VL);
}
void last_row_stage(int radix, const float *in, Element *out, int64_t part, bool past_cache) {
    if (past_cache) row_stage<true>(radix, in, part, out, part, part / VL);
    else row_stage<false>(radix, in, part, out, part, part / VL);
}
void gather_row(const Element *x, const Element *end, int64_t n1, int64_t n2, int64_t stride, int64_t p1, int64_t p2, float *out) {
    gather(x, end, n1, n2, stride, p1, p2, out);
}
void scatter_row(const float *in, int64_t p2, int64_t m1, int64_t m2, int64_t stride, Element *y, const Element *x,
                 int64_t x_stride, int64_t n1, int64_t n2) {
    scatter(in, p2, m1, m2, stride, y, x, x_stride, n1, n2);
}

Work rows_forward_work() { return rows_forward<Element>; }
