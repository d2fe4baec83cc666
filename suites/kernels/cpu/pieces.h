// Rows with padding or gaps, vector by vector of the padded row: where each begins in the tensors, and how much of it is
// there. So the first pass reads the tensor itself and the last one writes it, without a copy on either side.
#pragma once
#include "call.h"

enum { MOST_PIECES = 256 };
struct Pieces {
    int64_t count;  // 0: the rows have to be copied
    int64_t reach;  // what a row of x must have after its first element
    int64_t x[MOST_PIECES], y[MOST_PIECES];
    int64_t x_lanes[MOST_PIECES], y_lanes[MOST_PIECES];  // 0: none of it is there, and the place is the row's first
};

#if VL == 16
#define ALL_ONES -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
#elif VL == 8
#define ALL_ONES -1, -1, -1, -1, -1, -1, -1, -1
#else
#define ALL_ONES -1, -1, -1, -1
#endif
#if defined(__AVX512F__)
// The first `count` < VL lanes, and no byte beyond them.
static INLINE void store_lanes(float *p, vf v, int64_t count) {
    const uint16_t lanes = (uint16_t)((1u << count) - 1);
    __asm__("vmovups %1, %0%{%2%}" : "+m"(*(vf_any *)p) : "v"(v), "Yk"(lanes));
}
#else
static INLINE void store_lanes(float *p, vf v, int64_t count) { store_partial(p, v, count); }
#endif

static void find_pieces(const Plan &plan, Pieces *pieces) {
    const Geometry &g = plan.g;
    int64_t k = 0;
    pieces->count = pieces->reach = 0;
    if (plan.whole || plan.levels.count < 2 || g.p2 < VL || g.blocks > 1 || g.residual || plan.length > MOST_PIECES * VL) return;
    for (int64_t i = 0; i < g.p1; i++)
        for (int64_t c = 0; c < g.p2; c += VL, k++) {
            const int64_t x = i < g.n1 && c < g.n2_last ? g.n2_last - c : 0, y = i < g.m1 && c < g.m2_last ? g.m2_last - c : 0;
            pieces->x_lanes[k] = x < VL ? x : VL;
            pieces->y_lanes[k] = y < VL ? y : VL;
            pieces->x[k] = x ? i * g.x1 + c : 0;
            pieces->y[k] = y ? i * g.y1 + c : 0;
            if (pieces->x[k] + VL > pieces->reach) pieces->reach = pieces->x[k] + VL;
        }
    pieces->count = k;
}

// All ones in the first `count` lanes.
static INLINE vi kept_lanes(int64_t count) {
    static const int32_t window[2 * VL] = {ALL_ONES};
    return (vi)load((const float *)(const void *)(window + VL - count));
}

// The first pass of a row, which reads up to a vector past its end.
template <int R, class T>
static NOINLINE void first_pieces(const T *x, const Pieces &p, float *scratch) {
    const int64_t columns = p.count / R;
    const vf one = hidden_one();
    for (int64_t c = 0; c < columns; c++) {
        vf v[R];
        Each<R>::run([&](int j) UNROLLED {
            const int64_t k = c + j * columns;
            v[j] = (vf)((vi)load(x + p.x[k]) & kept_lanes(p.x_lanes[k]));
        });
        Spread<R>::run(v, one);
        Each<R>::run([&](int j) UNROLLED { store(scratch + (c + j * columns) * VL, v[j]); });
    }
}
template <int R> static NOINLINE void last_pieces(const float *scratch, const Pieces &p, float *y) {
    const int64_t columns = p.count / R;
    const vf one = hidden_one();
    for (int64_t c = 0; c < columns; c++) {
        vf v[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(scratch + (c + j * columns) * VL); });
        Spread<R>::run(v, one);
        Each<R>::run([&](int j) UNROLLED {
            const int64_t k = c + j * columns;
            if (p.y_lanes[k] == VL) store(y + p.y[k], v[j]);
            else if (p.y_lanes[k]) store_lanes(y + p.y[k], v[j], p.y_lanes[k]);
        });
    }
}
template <class T> static INLINE void run_first_pieces(int radix, const T *x, const Pieces &p, float *scratch) {
    switch (radix) {
        case 2: return first_pieces<2>(x, p, scratch);
        case 4: return first_pieces<4>(x, p, scratch);
        case 8: return first_pieces<8>(x, p, scratch);
        default: return first_pieces<16>(x, p, scratch);
    }
}
static INLINE void run_last_pieces(int radix, const float *scratch, const Pieces &p, float *y) {
    switch (radix) {
        case 2: return last_pieces<2>(scratch, p, y);
        case 4: return last_pieces<4>(scratch, p, y);
        case 8: return last_pieces<8>(scratch, p, y);
        default: return last_pieces<16>(scratch, p, y);
    }
}
