// What the backward does with one coefficient, on both shapes of work.
#pragma once
#include "call.h"

#if !defined(BACKWARD_GROUP)
#define BACKWARD_GROUP 2  // coefficients at a time, as GROUP: two sides of the work leave fewer registers
#endif

// Sums of one thread over one chunk: [threshold, scale][coefficient][lanes].
struct Sums {
    float *threshold, *scale;
};
static INLINE void add_to(float *sum, vf v) { store(sum, load(sum) + v); }
static INLINE void take_from(float *sum, vf v) { store(sum, load(sum) - v); }

// From the sums v of x and u of g to the gradient, in place of u, for N coefficients: thresholds, scales and sums of
// theirs are at(i) after the first. PLAIN: there are no scales. See gradient_factor for `factor`.
template <int N, int KIND, bool PLAIN, class At>
static INLINE void coefficients(vf *v, vf *u, const Call &call, Sums sums, vf factor, const At &at) {
    vf w[N], t[N], by_threshold[N];
    const bool scaled = !PLAIN && call.scale;
    Each<N>::run([&](int i) UNROLLED { w[i] = scaled ? v[i] * at.table(call.scale, i) : v[i]; });
    Each<N>::run([&](int i) UNROLLED { t[i] = at.table(call.threshold, i); });
    Each<N>::run([&](int i) UNROLLED { u[i] *= factor; });
    nonlinear_backward<N, KIND>(w, u, t, by_threshold, call.constants);
    Each<N>::run([&](int i) UNROLLED { take_from(at.sum(sums.threshold, i), by_threshold[i]); });
    Each<N>::run([&](int i) UNROLLED { u[i] *= w[i]; });
    if (!scaled) return;
    if (call.need_scale) Each<N>::run([&](int i) UNROLLED { add_to(at.sum(sums.scale, i), u[i] * v[i]); });
    Each<N>::run([&](int i) UNROLLED { u[i] *= at.table(call.scale, i); });
}

// Where the tables and the sums of coefficients lie that fill a row of vectors each, or a vector together.
struct AtRow {
    int64_t row;
    INLINE vf table(const float *values, int i) const { return splat(values[row + i]); }
    INLINE float *sum(float *sums, int i) const { return sums + (row + i) * VL; }
};
struct AtLanes {
    int64_t from;
    INLINE vf table(const float *values, int i) const { return load(values + from + i * VL); }
    INLINE float *sum(float *sums, int i) const { return sums + from + i * VL; }
};

// What the sums of g are multiplied by: the inverse transform's factor, and the forward's too where no scales hold it.
static INLINE vf gradient_factor(const Call &call, bool both) {
    return splat((float)(call.plan->inverse_factor * (both ? call.plan->forward_factor : 1)));
}

// Units [begin, end) of a plan's backward_cut, their sums added to those in `sums`, which begin as zeros.
typedef void BackwardUnits(Call &call, int64_t begin, int64_t end, float *x_scratch, float *g_scratch, Sums sums);
WITHIN_LIBRARY BackwardUnits strided_backward_units, rows_backward_units;

// What lies between the passes that read and write the tensors, in units of its own: one block of a level, of x and of the
// gradient in scratch, whose result replaces the gradient's.
WITHIN_LIBRARY void inner_backward(int level, float *x, float *g, const Levels &levels, int64_t columns, const Call &call,
                                   int64_t row, Sums sums);
