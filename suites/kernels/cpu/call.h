// One call of a planned layer, and the loads and stores both shapes of work share.
#pragma once
#include "lines.h"
#include "nonlinear.h"
#include "threads.h"

struct alignas(128) Call {
    const Plan *plan;
    const void *x, *g;       // input; gradient of the output (backward)
    void *y;                 // output; gradient of the input (backward)
    const float *threshold;  // one per coefficient, in the transform's order, divided by the folded factor
    const float *scale;      // the same, times the forward factor; null where it is folded into the constants
    LineCut lines;           // STRIDED: how threads share the one image; without tiles: as the plan says
    bool past_cache;
    bool need_scale;         // backward: whether the scale's gradient is wanted
    double *partial;         // backward: [chunk][2][length] sums for threshold and scale
    int64_t chunks;
    int failed;              // set to 1 by a thread that found no memory
    Constants constants;
    vi first_lanes;          // ROWS: all ones in the lanes of the first vector that hold a coefficient 0
};

static INLINE int64_t table_floats(const Plan &plan) { return plan.length > VL ? plan.length : VL; }

// The threshold as the kernels want it: in the transform's order, after its mode, divided by `factor`.
// Rows shorter than a vector share one, so their table is repeated. The same for the scale.
static inline void fill_tables(const Plan &plan, const float *threshold, double factor, const float *scale,
                               double scale_factor, float *threshold_table, float *scale_table) {
    const float inverse = (float)(1 / factor), times = (float)scale_factor;
    const int64_t length = plan.length, mode = plan.g.threshold_mode;
    // One plain loop for each case, for the compiler to do by vectors: a small layer waits for this.
    if (plan.order)
        for (int64_t k = 0; k < length; k++) threshold_table[k] = threshold[plan.order[k]] * inverse;
    else
        for (int64_t k = 0; k < length; k++) threshold_table[k] = threshold[k] * inverse;
    if (mode == ABSOLUTE)
        for (int64_t k = 0; k < length; k++) threshold_table[k] = __builtin_fabsf(threshold_table[k]);
    if (mode == CLAMPED)
        for (int64_t k = 0; k < length; k++) threshold_table[k] = threshold_table[k] < 0 ? 0 : threshold_table[k];
    if (scale_table)
        for (int64_t k = 0; k < length; k++)
            scale_table[k] = (scale ? scale[plan.order ? plan.order[k] : k] : 1.0f) * times;
    for (int64_t k = length; k < table_floats(plan); k++) {
        threshold_table[k] = threshold_table[k - length];
        if (scale_table) scale_table[k] = scale_table[k - length];
    }
}

// The type of the tensors this library is built for.
#if !defined(ELEMENT)
#define ELEMENT float
#endif
typedef ELEMENT Element;

// The work on some units of a plan, in that type.
WITHIN_LIBRARY Work strided_forward_work();
WITHIN_LIBRARY Work rows_forward_work();

static const float ZEROS[WIDEST_TILE] = {0};

// The first `count` < VL elements of v.
template <class T> static INLINE void store_partial(T *p, vf v, int64_t count) {
    T all[VL];
    const T *from = all;
    store(all, v);
#if VL > 8
    if (count & 8) { memcpy(p, from, 8 * sizeof(T)); p += 8; from += 8; }
#endif
#if VL > 4
    if (count & 4) { memcpy(p, from, 4 * sizeof(T)); p += 4; from += 4; }
#endif
    if (count & 2) { memcpy(p, from, 2 * sizeof(T)); p += 2; from += 2; }
    if (count & 1) memcpy(p, from, sizeof(T));
}

// `count` < VL elements, zeros after them; reads nothing beyond them.
template <class T> static INLINE vf load_partial(const T *p, int64_t count) {
    T all[VL] = {};
    memcpy(all, p, count * sizeof(T));
    return load(all);
}

static INLINE vi lanes_below(int64_t count) { return lanes_by<LaneNumber>() < splat_int((int32_t)count); }

// R rows at equal steps, walked column by column. Every fourth row has a pointer of its own and the three after it
// are reached by the processor's own scaled addresses: a pointer for each row would not fit the registers.
template <int R, class T> struct Walk {
    T *fourth[(R + 3) / 4];
    int64_t step, three;

    INLINE Walk(T *first, int64_t stride) : step(stride), three(3 * stride) {
        Each<(R + 3) / 4>::run([&](int i) UNROLLED {
            fourth[i] = first + 4 * i * stride;
            __asm__("" : "+r"(fourth[i]));  // or the compiler works all of them out of the first one again
        });
        __asm__("" : "+r"(three));
    }
    INLINE T *row(int j) const { return fourth[j / 4] + (j % 4 == 3 ? three : j % 4 * step); }
    INLINE void next() {
        Each<(R + 3) / 4>::run([&](int i) UNROLLED { fourth[i] += VL; });
    }
};

// Radix-R butterflies over `columns` vectors; element strides between the R rows on both sides.
template <int R, bool PAST_CACHE, class In, class Out>
static INLINE void stage(const In *in, int64_t in_stride, Out *out, int64_t out_stride, int64_t columns) {
    Walk<R, const In> from(in, in_stride);
    Walk<R, Out> to(out, out_stride);
    const vf one = hidden_one();
    int64_t c = 0;
    // Past the caches a line should go whole: the rows are too many for the processor to wait for the other half of each.
    if (PAST_CACHE && VL * sizeof(Out) < 64)
        for (; c + 2 <= columns; c += 2) {
            vf v[2][R];
            Each<2>::run([&](int i) UNROLLED {
                Each<R>::run([&](int j) UNROLLED { v[i][j] = load(from.row(j)); });
                Spread<R>::run(v[i], one);
                from.next();
            });
            Each<R>::run([&](int j) UNROLLED { store_pair_past_cache(to.row(j), v[0][j], v[1][j]); });
            to.next();
            to.next();
        }
    for (; c < columns; c++, from.next(), to.next()) {
        vf v[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(from.row(j)); });
        Spread<R>::run(v, one);
        Each<R>::run([&](int j) UNROLLED {
            if (PAST_CACHE && sizeof(Out) == sizeof(float)) store_past_cache((float *)to.row(j), v[j]);
            else store(to.row(j), v[j]);
        });
    }
}

// The same in place.
template <int R> static INLINE void stage_here(float *block, int64_t stride, int64_t columns) {
    Walk<R, float> at(block, stride);
    const vf one = hidden_one();
    for (int64_t c = 0; c < columns; c++, at.next()) {
        vf v[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(at.row(j)); });
        Spread<R>::run(v, one);
        Each<R>::run([&](int j) UNROLLED { store(at.row(j), v[j]); });
    }
}
