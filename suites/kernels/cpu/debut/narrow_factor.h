// The arithmetic of one factor, or of two at once, with features in lanes.
#pragma once
#include "narrow_chain.h"
#include "stages.h"

// Positions done together: with four outputs, sums and inputs stay in registers.
enum { TOGETHER = MOST_SUMS / 2 };

// Outputs [i, i + R) of one row of a block, at N positions. S = 0: the factor's s is known at run time only. Otherwise, if
// `one`, the first input's weight is 1 and `weights` begin with the second's.
template <int R, int S, int N>
static INLINE void narrow_sums(const float *weights, const float *x, float *out, int64_t r, int64_t s, int64_t in_step,
                               int64_t out_step, bool one) {
    vf sum[R][N];
    Each<R>::run([&](int a) UNROLLED { Each<N>::run([&](int b) UNROLLED { sum[a][b] = (vf){}; }); });
    auto term = [&](bool first) UNROLLED {
        vf value[N];
        Each<N>::run([&](int b) UNROLLED { value[b] = load(x + b * VL); });
        x += in_step;
        if (first && one) {
            Each<R>::run([&](int a) UNROLLED { Each<N>::run([&](int b) UNROLLED { sum[a][b] = value[b]; }); });
            return;
        }
        Each<R>::run([&](int a) UNROLLED {
            const vf weight = load(weights + a * VL);
            Each<N>::run([&](int b) UNROLLED { sum[a][b] += weight * value[b]; });
        });
        weights += r * VL;
    };
    if (S) Each<S>::run([&](int j) UNROLLED { term(j == 0); });
    else for (int64_t j = 0; j < s; j++) term(false);
    Each<R>::run([&](int a) UNROLLED {
        Each<N>::run([&](int b) UNROLLED { store(out + a * out_step + b * VL, sum[a][b]); });
    });
}

// Outputs [i, i + R) of `count` blocks that follow each other; the weights of one are [row of t][kept][r][VL].
template <int R, int S>
static INLINE void narrow_blocks(const NarrowFactor &f, const float *w, const float *in, float *out, int64_t positions,
                                 int64_t count, int64_t i) {
    const int64_t r = S ? R : f.r, s = S ? S : f.s, t = f.t, row = positions * VL, step = t * row;
    const bool one = f.one;
    if (S && f.one) w += (f.kept - (S - 1)) * r * VL;
    for (int64_t b = 0; b < count; b++, in += s * step, out += r * step)
        for (int64_t k = 0; k < t; k++, w += f.kept * r * VL) {
            const float *x = in + k * row;
            float *to = out + i * step + k * row;
            int64_t p = 0;
            for (; p + TOGETHER <= positions; p += TOGETHER)
                narrow_sums<R, S, TOGETHER>(w + i * VL, x + p * VL, to + p * VL, r, s, step, step, one);
#if MOST_SUMS > 4
            for (; p + 2 <= positions; p += 2) narrow_sums<R, S, 2>(w + i * VL, x + p * VL, to + p * VL, r, s, step, step, one);
#endif
            for (; p < positions; p++) narrow_sums<R, S, 1>(w + i * VL, x + p * VL, to + p * VL, r, s, step, step, one);
        }
}

template <int R, int S>
static NOINLINE bool narrow_known(const NarrowFactor &f, const float *w, const float *in, float *out, int64_t positions,
                                  int64_t count) {
    if (f.r != R || f.s != S) return false;
    narrow_blocks<R, S>(f, w, in, out, positions, count, 0);
    return true;
}

static NOINLINE void narrow_factor(const NarrowFactor &f, const float *w, const float *in, float *out, int64_t positions,
                                   int64_t count) {
    if (narrow_known<2, 2>(f, w, in, out, positions, count) || narrow_known<2, 4>(f, w, in, out, positions, count) ||
        narrow_known<4, 2>(f, w, in, out, positions, count) || narrow_known<4, 4>(f, w, in, out, positions, count))
        return;
    int64_t i = 0;
    for (; i + 4 <= f.r; i += 4) narrow_blocks<4, 0>(f, w, in, out, positions, count, i);
    for (; i + 2 <= f.r; i += 2) narrow_blocks<2, 0>(f, w, in, out, positions, count, i);
    for (; i < f.r; i++) narrow_blocks<1, 0>(f, w, in, out, positions, count, i);
}

// The row `step` floats further on; told so that the compiler keeps one address, not a dozen.
template <class T> static INLINE T *next_row(T *p, int64_t step) {
    p += step;
    __asm__("" : "+r"(p));
    return p;
}

// Two factors at N positions of one row: as one after the other, but what the first makes stays in registers. `step` lies
// between rows of blocks (in, out); weights in the order of reading, each first input's being 1.
template <int R1, int S1, int R2, int S2, int N>
static INLINE void narrow_pair_sums(const float *w, const float *x, float *out, int64_t step) {
    vf sum[R2][R1][N];
    Each<S2>::run([&](int j2) UNROLLED {
        vf inner[R1][N];
        Each<S1>::run([&](int j1) UNROLLED {
            vf value[N];
            Each<N>::run([&](int n) UNROLLED { value[n] = load(x + n * VL); });
            x = next_row(x, step);
            Each<R1>::run([&](int i1) UNROLLED {
                const vf weight = j1 ? load(w + i1 * VL) : (vf){};
                Each<N>::run([&](int n) UNROLLED { inner[i1][n] = j1 ? inner[i1][n] + weight * value[n] : value[n]; });
            });
            w += j1 ? R1 * VL : 0;
        });
        Each<R1 * R2>::run([&](int i) UNROLLED {
            const int i1 = i / R2, i2 = i % R2;
            const vf weight = j2 ? load(w + i * VL) : (vf){};
            Each<N>::run([&](int n) UNROLLED { sum[i2][i1][n] = j2 ? sum[i2][i1][n] + weight * inner[i1][n] : inner[i1][n]; });
        });
        w += j2 ? R1 * R2 * VL : 0;
    });
    Each<R2 * R1>::run([&](int i) UNROLLED {
        Each<N>::run([&](int n) UNROLLED { store(out + n * VL, sum[i / R1][i % R1][n]); });
        out = next_row(out, step);
    });
}

// `count` blocks of the second factor.
template <int S1, int S2>
static NOINLINE void narrow_pair_known(const NarrowFactor &f, const float *w, const float *in, float *out, int64_t positions,
                                       int64_t count) {
    const int64_t row = positions * VL, step = f.t * row;
    for (int64_t b = 0; b < count; b++, in += S2 * S1 * step, out += 4 * step)
        for (int64_t k = 0; k < f.t; k++, w += (S2 * (S1 - 1) * 2 + (S2 - 1) * 4) * VL) {
            const float *x = in + k * row;
            float *to = out + k * row;
            int64_t p = 0;
            for (; p + TOGETHER <= positions; p += TOGETHER)
                narrow_pair_sums<2, S1, 2, S2, TOGETHER>(w, x + p * VL, to + p * VL, step);
            for (; p < positions; p++) narrow_pair_sums<2, S1, 2, S2, 1>(w, x + p * VL, to + p * VL, step);
        }
}

// Three factors, (2, 2), (2, 2) and (2, 4), in the same way.
template <int N> static INLINE void narrow_triple_sums(const float *w, const float *x, float *out, int64_t step) {
    vf sum[8][N];
    Each<4>::run([&](int j3) UNROLLED {
        vf mid[4][N];
        Each<2>::run([&](int j2) UNROLLED {
            vf low[2][N], value[N];
            Each<N>::run([&](int n) UNROLLED { low[0][n] = low[1][n] = load(x + n * VL); });
            x = next_row(x, step);
            Each<N>::run([&](int n) UNROLLED { value[n] = load(x + n * VL); });
            x = next_row(x, step);
            Each<2>::run([&](int i) UNROLLED {
                const vf weight = load(w + i * VL);
                Each<N>::run([&](int n) UNROLLED { low[i][n] += weight * value[n]; });
            });
            w += 2 * VL;
            Each<4>::run([&](int i) UNROLLED {
                const int to = i % 2 * 2 + i / 2;
                const vf weight = j2 ? load(w + i * VL) : (vf){};
                Each<N>::run([&](int n) UNROLLED { mid[to][n] = j2 ? mid[to][n] + weight * low[i / 2][n] : low[i / 2][n]; });
            });
            w += j2 ? 4 * VL : 0;
        });
        Each<8>::run([&](int i) UNROLLED {
            const int to = i % 2 * 4 + i / 2;
            const vf weight = j3 ? load(w + i * VL) : (vf){};
            Each<N>::run([&](int n) UNROLLED { sum[to][n] = j3 ? sum[to][n] + weight * mid[i / 2][n] : mid[i / 2][n]; });
        });
        w += j3 ? 8 * VL : 0;
    });
    Each<8>::run([&](int i) UNROLLED {
        Each<N>::run([&](int n) UNROLLED { store(out + n * VL, sum[i][n]); });
        out = next_row(out, step);
    });
}
static NOINLINE void narrow_triple(const NarrowFactor &f, const float *w, const float *in, float *out, int64_t positions,
                                   int64_t count) {
    enum { N = MOST_SUMS / 4 };
    const int64_t row = positions * VL, step = f.t * row;
    for (int64_t b = 0; b < count; b++, in += 16 * step, out += 8 * step)
        for (int64_t k = 0; k < f.t; k++, w += 56 * VL) {
            const float *x = in + k * row;
            float *to = out + k * row;
            int64_t p = 0;
            for (; p + N <= positions; p += N) narrow_triple_sums<N>(w, x + p * VL, to + p * VL, step);
            for (; p < positions; p++) narrow_triple_sums<1>(w, x + p * VL, to + p * VL, step);
        }
}

// `count` blocks of the last of the factors that are done as one from f on.
static void narrow_joined(const NarrowFactor *f, const float *w, const float *in, float *out, int64_t positions, int64_t count) {
    if (f->joined == 1) narrow_factor(f[0], w, in, out, positions, count);
    else if (f->joined == 3) narrow_triple(f[0], w, in, out, positions, count);
    else if (f[0].s == 2 && f[1].s == 2) narrow_pair_known<2, 2>(f[0], w, in, out, positions, count);
    else if (f[0].s == 2) narrow_pair_known<2, 4>(f[0], w, in, out, positions, count);
    else if (f[1].s == 2) narrow_pair_known<4, 2>(f[0], w, in, out, positions, count);
    else narrow_pair_known<4, 4>(f[0], w, in, out, positions, count);
}
