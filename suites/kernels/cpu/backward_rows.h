// What the two units of the backward along contiguous rows share.
#pragma once
#include "backward.h"
#include "rows.h"

// Rows of x and of the gradient to come, or null.
struct AheadRows {
    Ahead x, g;
};

// In backward_rows_inner.cpp: rows that are done in registers, and parts of x and of the gradient in scratch at `level`. The
// gradient of x replaces g.
WITHIN_LIBRARY void row_core_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at,
                                      Sums sums);
WITHIN_LIBRARY void row_levels_backward(int level, float *x, float *g, const Levels &levels, const Call &call, int64_t at,
                                        Sums sums, AheadRows ahead);

// In forward_rows.cpp: the passes that read and write the tensors.
WITHIN_LIBRARY void first_row_stage(int radix, const Element *in, float *out, int64_t part);
WITHIN_LIBRARY void last_row_stage(int radix, const float *in, Element *out, int64_t part, bool past_cache);
WITHIN_LIBRARY void gather_row(const Element *x, const Element *end, int64_t n1, int64_t n2, int64_t stride, int64_t p1,
                               int64_t p2, float *out);
WITHIN_LIBRARY void scatter_row(const float *in, int64_t p2, int64_t m1, int64_t m2, int64_t stride, Element *y,
                                const Element *x, int64_t x_stride, int64_t n1, int64_t n2);
