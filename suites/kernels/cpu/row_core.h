// Forward of rows that registers hold, a few at a time: both transforms whole, with the nonlinearity between them.
#pragma once
#include "rows.h"

struct RowTask {
    const float *threshold, *scale;  // at the first coefficient of the row part
    bool keep_first, past_cache;
    int64_t length;                  // of a row
    vi first_lanes;                  // all ones in the lanes that hold a coefficient 0
};

// BATCH rows of V vectors each. SHORT: a vector holds several rows.
template <int V, bool SHORT, int KIND, bool PLAIN, int BATCH, class T>
static INLINE void row_batch(const T *in, T *out, const RowTask &task, const Constants &k) {
    const int N = V * BATCH, G = N < GROUP ? N : GROUP;
    vf v[N];
    Each<N>::run([&](int i) UNROLLED { v[i] = load(in + i * VL); });
    Each<BATCH>::run([&](int b) UNROLLED { Butterfly<V>::run(v + b * V); });
    lane_stages<N, SHORT>(v, task.length);
    vf kept[BATCH];
    Each<BATCH>::run([&](int b) UNROLLED { kept[b] = v[b * V] * k.first_factor; });
    if (!PLAIN && task.scale) Each<N>::run([&](int i) UNROLLED { v[i] *= load(task.scale + i % V * VL); });
    Each<N / G>::run([&](int g) UNROLLED {
        nonlinear<G, KIND>(v + g * G, [&](int i) UNROLLED { return load(task.threshold + (g * G + i) % V * VL); }, k);
    });
    if (!PLAIN && task.keep_first)
        Each<BATCH>::run([&](int b) UNROLLED { v[b * V] = task.first_lanes ? kept[b] : v[b * V]; });
    lane_stages<N, SHORT>(v, task.length);
    Each<BATCH>::run([&](int b) UNROLLED { Butterfly<V>::run(v + b * V); });
    if (task.past_cache)
        Each<N / 2>::run([&](int i) UNROLLED { store_pair_past_cache(out + 2 * i * VL, v[2 * i], v[2 * i + 1]); });
    else Each<N>::run([&](int i) UNROLLED { store(out + i * VL, v[i]); });
}

// PLAIN: neither a table of scales nor an untouched first coefficient. Rows are counted in vectors where V is 1.
template <int V, bool SHORT, int KIND, bool PLAIN, class T>
static NOINLINE void row_core_of(const T *in, T *out, int64_t rows, const RowTask &task, const Constants &k) {
    const int BATCH = V >= 8 ? 1 : 8 / V;
    int64_t r = 0;
    for (; r + BATCH <= rows; r += BATCH)
        row_batch<V, SHORT, KIND, PLAIN, BATCH>(in + r * V * VL, out + r * V * VL, task, k);
    if (BATCH == 1 || r == rows) return;
    // Too few for a batch: one with zeros. Code of their own for them would take as long to build as all above.
    T few[BATCH * V * VL] = {};
    RowTask near = task;
    near.past_cache = false;
    memcpy(few, in + r * V * VL, (rows - r) * V * VL * sizeof(T));
    row_core_of<V, SHORT, KIND, PLAIN>(few, few, BATCH, near, k);
    memcpy(out + r * V * VL, few, (rows - r) * V * VL * sizeof(T));
}

// In these two the usual case alone has code of its own: code takes time to build.
template <int V, int KIND, class T>
static INLINE void row_core(const T *in, T *out, int64_t rows, const RowTask &task, const Constants &k) {
    if (KIND == SMOOTH && !task.scale && !task.keep_first) row_core_of<V, false, KIND, KIND == SMOOTH>(in, out, rows, task, k);
    else row_core_of<V, false, KIND, false>(in, out, rows, task, k);
}
template <int KIND, class T>
static INLINE void row_core_short(const T *in, T *out, int64_t rows, const RowTask &task, const Constants &k) {
    if (KIND == SMOOTH && task.length >= VL && !task.scale && !task.keep_first)
        row_core_of<1, false, KIND, KIND == SMOOTH>(in, out, rows, task, k);
    else row_core_of<1, true, KIND, false>(in, out, rows, task, k);
}

template <int KIND, class T>
static INLINE void run_row_core(int vectors, const T *in, T *out, int64_t rows, const RowTask &task, const Constants &k) {
    if (vectors == 2) return row_core<2, KIND>(in, out, rows, task, k);
    if (vectors == 4) return row_core<4, KIND>(in, out, rows, task, k);
    if (vectors == 8) return row_core<8, KIND>(in, out, rows, task, k);
    row_core_short<KIND>(in, out, rows, task, k);
}

// The same for what a plan of one level says.
template <class T> static INLINE void run_row_cores(const Call &call, const T *in, T *out, int64_t rows, bool past_cache) {
    const Plan &plan = *call.plan;
    const int vectors = plan.levels.radix[0];
    const RowTask task = {call.threshold, call.scale, plan.g.keep_first != 0, past_cache, plan.length, call.first_lanes};
    if (plan.g.nonlinearity == SMOOTH) run_row_core<SMOOTH>(vectors, in, out, rows, task, call.constants);
    else run_row_core<SOFT>(vectors, in, out, rows, task, call.constants);
}
