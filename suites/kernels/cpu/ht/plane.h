// The Walsh-Hadamard transform of one plane: over (rows, columns) in natural order it is the one over all positions.
#pragma once
#include "lanes.h"

// One stage between the lanes l and l ^ H of a vector.
template <int H> struct LaneSign {
    static constexpr int of(int l) { return l & H ? -1 : 1; }
};
template <int H> static INLINE vf lane_stage(vf v) {
    return Swap<H>::of(v) + v * lanes_by<LaneSign<H>, vf>();
}

// The stages within a vector, of a plane of at least VL positions, and of a smaller one.
static INLINE vf all_lane_stages(vf v) {
    v = lane_stage<1>(v);
    v = lane_stage<2>(v);
#if VL > 4
    v = lane_stage<4>(v);
#endif
#if VL > 8
    v = lane_stage<8>(v);
#endif
    return v;
}
static INLINE vf first_lane_stages(vf v, int64_t positions) {
    if (positions > 1) v = lane_stage<1>(v);
    if (positions > 2) v = lane_stage<2>(v);
#if VL > 4
    if (positions > 4) v = lane_stage<4>(v);
#endif
#if VL > 8
    if (positions > 8) v = lane_stage<8>(v);
#endif
    return v;
}

#if VL == 16 || defined(__aarch64__)
enum { LOG_RADIX = 4 };  // stages between vectors that one pass does in registers
#else
enum { LOG_RADIX = 3 };
#endif

// log2(R) stages between vectors `step` apart, and before them those within vectors where step is 1. `plus`: added to
// the results, or null.
template <int R, bool LANES, class From, class To>
static NOINLINE void stages(const From *from, To *to, const To *plus, int64_t vectors, int64_t step) {
    for (int64_t block = 0; block < vectors; block += R * step)
        for (int64_t i = block; i < block + step; i++) {
            vf v[R];
            Each<R>::run([&](int k) UNROLLED {
                v[k] = load(from + (i + k * step) * VL);
                if (LANES) v[k] = all_lane_stages(v[k]);
            });
            Butterfly<R>::run(v);
            if (plus) Each<R>::run([&](int k) UNROLLED { v[k] += load(plus + (i + k * step) * VL); });
            Each<R>::run([&](int k) UNROLLED { store(to + (i + k * step) * VL, v[k]); });
        }
}

template <bool LANES, class From, class To>
static inline void stages_of(int log_radix, const From *from, To *to, const To *plus, int64_t vectors, int64_t step) {
    if (log_radix == 3) stages<8, LANES>(from, to, plus, vectors, step);
    else if (log_radix == 2) stages<4, LANES>(from, to, plus, vectors, step);
    else if (log_radix == 1) stages<2, LANES>(from, to, plus, vectors, step);
#if VL == 16 || defined(__aarch64__)
    else if (log_radix == 4) stages<16, LANES>(from, to, plus, vectors, step);
#endif
    else stages<1, LANES>(from, to, plus, vectors, step);
}

// Transforms `positions` (a power of two, VL at least) elements, without a norm: in as few passes as registers allow, the
// first out of `from`, the last into `to`, `work` between them (which may be either).
template <class From, class To>
static inline void transform_plane(const From *from, float *work, To *to, const To *plus, int64_t positions) {
    const int64_t vectors = positions / VL;
    int left = 0;
    while ((int64_t)1 << left < vectors) left++;
    int passes = left ? (left + LOG_RADIX - 1) / LOG_RADIX : 1, done = (left + passes - 1) / passes;
    if (passes == 1) return stages_of<true>(done, from, to, plus, vectors, 1);
    stages_of<true>(done, from, work, (const float *)0, vectors, 1);
    for (passes--; passes > 1; passes--) {
        const int now = (left - done + passes - 1) / passes;
        stages_of<false>(now, work, work, (const float *)0, vectors, (int64_t)1 << done);
        done += now;
    }
    stages_of<false>(left - done, work, to, plus, vectors, (int64_t)1 << done);
}
// In place. Fewer than VL have zeros behind them.
static inline void transform_in_place(float *p, int64_t positions) {
    if (positions < VL) store(p, first_lane_stages(load(p), positions));
    else transform_plane(p, p, p, (const float *)0, positions);
}

// A plane of (height, width) elements into (padded height, padded width) floats, zeros around it.
template <class T>
static inline void pad_plane(const T *x, int64_t height, int64_t width, int64_t padded_width, int64_t floats, float *to) {
    if (width == padded_width) {  // rows follow each other in both
        const int64_t count = height * width;
        for (int64_t k = 0; k < floats; k += VL)
            store(to + k, k < count ? load_first(x + k, count - k) : splat(0));
        return;
    }
    for (int64_t k = 0; k < floats; k += VL) store(to + k, splat(0));
    for (int64_t i = 0; i < height; i++, x += width, to += padded_width)
        for (int64_t j = 0; j < width; j += VL) store_first(to + j, load_first(x + j, width - j), width - j);
}

// The way back: crops, and adds `plus` (the input) where there is one.
template <class T>
static inline void crop_plane(const float *from, int64_t height, int64_t width, int64_t padded_width, const T *plus, T *y) {
    int64_t rows = height, columns = width;
    if (width == padded_width) {
        rows = 1;
        columns = height * width;
    }
    for (int64_t i = 0; i < rows; i++, from += padded_width, y += columns)
        for (int64_t j = 0; j < columns; j += VL) {
            vf v = load_first(from + j, columns - j);
            if (plus) v += load_first(plus + i * columns + j, columns - j);
            store_first(y + j, v, columns - j);
        }
}
