// Work along contiguous rows: stages over whole vectors first, then inside the vector by swapping lanes. Here is what
// both directions share.
//
// A plane is a row too. In natural order the matrix of the 2-D transform of a p1 x p2 plane is H(p1) (x) H(p2), and by
// Sylvester's construction that is H(p1 p2): the plane, read row after row, is one row of p1 * p2 values. So there is no
// second pass along the other axis, and nothing is ever transposed. Planes with gaps are gathered into such a row first.
#pragma once
#include "call.h"

// Lane l gets +1 where it keeps its sign in the butterfly with lane l ^ H, else -1.
template <int H> static INLINE vf signs() {
    vf s = splat(1.0f);
    for (int l = 0; l < VL; l++) s[l] = l & H ? -1.0f : 1.0f;
    return s;
}
template <int N, int LANES> struct InVector {
    static INLINE void run(vf *v) {
        InVector<N, LANES / 2>::run(v);
        const vf sign = signs<LANES / 2>();
        Each<N>::run([&](int i) UNROLLED { v[i] = v[i] * sign + Swap<LANES / 2>::of(v[i]); });
    }
};
template <int N> struct InVector<N, 1> {
    static INLINE void run(vf *) {}
};

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
