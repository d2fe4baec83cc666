// Work along contiguous rows: stages over whole vectors first, then inside the vector by swapping lanes. Here is what
// both directions share. What reads and writes the tensors is compiled for each type of theirs; what lies between, in
// scratch, once for all.
//
// A plane is a row too. In natural order the matrix of the 2-D transform of a p1 x p2 plane is H(p1) (x) H(p2), and by
// Sylvester's construction that is H(p1 p2): the plane, read row after row, is one row of p1 * p2 values. So there is no
// second pass along the other axis, and nothing is ever transposed. Planes with gaps are gathered into such a row first.
#pragma once
#include "call.h"

// A stage between lanes H apart of N vectors, and all of them.
template <int N, int H> static INLINE void lane_stage(vf *v) {
    const vf sign = signs<H>();
    Each<N>::run([&](int i) UNROLLED { v[i] = v[i] * sign + Swap<H>::of(v[i]); });
}
// Rows as short as `lanes`, from 2 on, share a vector. SHORT: so they are; else they fill vectors.
template <int N, bool SHORT> static INLINE void lane_stages(vf *v, int64_t lanes) {
    lane_stage<N, 1>(v);
    if (!SHORT || lanes > 2) lane_stage<N, 2>(v);
#if VL > 4
    if (!SHORT || lanes > 4) lane_stage<N, 4>(v);
#endif
#if VL > 8
    if (!SHORT || lanes > 8) lane_stage<N, 8>(v);
#endif
}

template <bool PAST_CACHE, class In, class Out>
static NOINLINE void row_stage(int radix, const In *in, int64_t in_stride, Out *out, int64_t out_stride,
                               int64_t columns) {
    switch (radix) {
        case 2: return stage<2, PAST_CACHE>(in, in_stride, out, out_stride, columns);
        case 4: return stage<4, PAST_CACHE>(in, in_stride, out, out_stride, columns);
        case 8: return stage<8, PAST_CACHE>(in, in_stride, out, out_stride, columns);
        default: return stage<16, PAST_CACHE>(in, in_stride, out, out_stride, columns);
    }
}
// In scratch it is in forward_rows_inner.cpp.
WITHIN_LIBRARY void row_stage_floats(int radix, const float *in, int64_t in_stride, float *out, int64_t out_stride,
                                     int64_t columns);
template <>
INLINE void row_stage<false, float, float>(int radix, const float *in, int64_t in_stride, float *out, int64_t out_stride,
                                           int64_t columns) {
    row_stage_floats(radix, in, in_stride, out, out_stride, columns);
}

// Fetches `bytes` from p on, which need not exist.
static INLINE void fetch_lines(const void *p, int64_t bytes) {
    for (int64_t c = 0; c < bytes; c += 64) __builtin_prefetch((const char *)p + c, 0, 3);
}

// The row to come, of elements of `bytes` each, fetched part by part; or null.
struct Ahead {
    const char *row;
    int64_t bytes;
};

// Where row number `row` of a plan begins and how much of it is there.
struct RowPlace {
    int64_t x, y, n2, m2;
};
static INLINE RowPlace row_place(const Geometry &g, int64_t row) {
    int64_t block = row % g.blocks, outer = row / g.blocks;
    bool last = block == g.blocks - 1;
    RowPlace p = {outer * g.x_outer + block * g.x_block, outer * g.y_outer + block * g.y_block, last ? g.n2_last : g.n2,
                  last ? g.m2_last : g.m2};
    return p;
}

// n1 segments of n2 elements, `stride` apart, into p1 segments of p2 floats with zeros in the rest. Whole
// vectors are stored in rising order, so what one spills is overwritten by the next; `out` has VL to spare.
template <class T>
static INLINE void gather(const T *x, const T *end, int64_t n1, int64_t n2, int64_t stride, int64_t p1, int64_t p2,
                          float *out) {
    if (stride == n2 && n2 == p2) {  // no gaps: one long segment
        n2 *= n1;
        p2 *= p1;
        n1 = p1 = 1;
    }
    const vi mask = lanes_below(n2 % VL);
    for (int64_t i = 0; i < n1; i++, x += stride, out += p2) {
        int64_t c = 0;
        for (; c + VL <= n2; c += VL) store(out + c, load(x + c));
        if (c < n2) {
            vf v = x + c + VL <= end ? load(x + c) : load_partial(x + c, n2 - c);
            store(out + c, (vf)((vi)v & mask));
            c += VL;
        }
        for (; c < p2; c += VL) store(out + c, splat(0.0f));
    }
    for (int64_t c = 0; c < (p1 - n1) * p2; c += VL) store(out + c, splat(0.0f));
}

// The valid m1 x m2 part of a block of rows p2 floats long, to segments `stride` apart, plus x if there is one.
template <class T>
static INLINE void scatter(const float *in, int64_t p2, int64_t m1, int64_t m2, int64_t stride, T *y, const T *x,
                           int64_t x_stride, int64_t n1, int64_t n2) {
    if (stride == m2 && m2 == p2 && (!x || (x_stride == n2 && n2 == p2 && n1 == m1))) {  // no gaps: one long segment
        m2 *= m1;
        n2 *= n1;
        m1 = n1 = 1;
    }
    for (int64_t i = 0; i < m1; i++, in += p2, y += stride) {
        int64_t c = 0;
        for (; c < m2; c += VL) {
            int64_t rest = m2 - c;
            vf v = load(in + c);
            if (x && i < n1 && c < n2) {
                int64_t there = n2 - c;
                v += there >= VL ? load(x + i * x_stride + c) : load_partial(x + i * x_stride + c, there);
            }
            // Past this segment lies the next one, written after this: whole vectors may spill into it.
            if (rest >= VL || (!x && stride == m2 && (m1 - 1 - i) * stride + rest >= VL)) store(y + c, v);
            else store_partial(y + c, v, rest);
        }
    }
}

// In forward_rows_inner.cpp, on rows in scratch: a part at `level` of one, all between the first pass and the last, and rows
// of a plan of one level, which may be the tensors' too.
WITHIN_LIBRARY void row_levels(int level, float *part, const Levels &levels, const Call &call, int64_t at, Ahead ahead);
WITHIN_LIBRARY void row_inner(float *scratch, const Call &call, Ahead ahead);
WITHIN_LIBRARY void row_cores_floats(const Call &call, const float *in, float *out, int64_t rows, bool past_cache);
