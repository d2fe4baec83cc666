// The arithmetic of one factor, or of two at once, with features in lanes.
#pragma once
#include "narrow_chain.h"
#include "stages.h"

// Positions done together: with four outputs, sums and inputs stay in registers.
enum { TOGETHER = MOST_SUMS / 2 };

// Outputs [i, i + R) of one row of a block, at N positions. S = 0: the factor's s is known at run time only.
template <int R, int S, int N>
static INLINE void narrow_sums(const float *weights, const float *x, float *out, int64_t r, int64_t s, int64_t in_step,
                               int64_t out_step) {
    vf sum[R][N];
    Each<R>::run([&](int a) UNROLLED { Each<N>::run([&](int b) UNROLLED { sum[a][b] = (vf){}; }); });
    auto term = [&](bool first) UNROLLED {
        vf value[N];
        Each<N>::run([&](int b) UNROLLED { value[b] = load(x + b * VL); });
        Each<R>::run([&](int a) UNROLLED {
            const vf weight = load(weights + a * VL);
            Each<N>::run([&](int b) UNROLLED { add_term(sum[a][b], first, weight, value[b]); });
        });
        x += in_step;
        weights += r * VL;
    };
    if (S) Each<S>::run([&](int j) UNROLLED { term(j == 0); });
    else for (int64_t j = 0; j < s; j++) term(false);
    Each<R>::run([&](int a) UNROLLED {
        Each<N>::run([&](int b) UNROLLED { store(out + a * out_step + b * VL, sum[a][b]); });
    });
}

// Outputs [i, i + R) of `count` blocks that follow each other; the weights of one are [row of t][s][r][VL].
template <int R, int S>
static INLINE void narrow_blocks(const NarrowFactor &f, const float *w, const float *in, float *out, int64_t positions,
                                 int64_t count, int64_t i) {
    const int64_t r = S ? R : f.r, s = S ? S : f.s, t = f.t, row = positions * VL, step = t * row;
    for (int64_t b = 0; b < count; b++, in += s * step, out += r * step)
        for (int64_t k = 0; k < t; k++, w += s * r * VL) {
            const float *x = in + k * row;
            float *to = out + i * step + k * row;
            int64_t p = 0;
            for (; p + TOGETHER <= positions; p += TOGETHER)
                narrow_sums<R, S, TOGETHER>(w + i * VL, x + p * VL, to + p * VL, r, s, step, step);
#if MOST_SUMS > 4
            for (; p + 2 <= positions; p += 2) narrow_sums<R, S, 2>(w + i * VL, x + p * VL, to + p * VL, r, s, step, step);
#endif
            for (; p < positions; p++) narrow_sums<R, S, 1>(w + i * VL, x + p * VL, to + p * VL, r, s, step, step);
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

// Two factors at N positions of one row: as one after the other, but what the first makes stays in registers. The steps
// are those between rows of blocks (in, out), between the blocks of w1 and between the rows of w2.
template <int R1, int S1, int R2, int S2, int N>
static INLINE void narrow_pair_sums(const float *w1, int64_t w1_step, const float *w2, int64_t w2_step, const float *x, float *out,
                                    int64_t step) {
    vf sum[R2][R1][N];
    Each<S2>::run([&](int j2) UNROLLED {
        vf inner[R1][N];
        Each<S1>::run([&](int j1) UNROLLED {
            vf value[N];
            Each<N>::run([&](int n) UNROLLED { value[n] = load(x + (j2 * S1 + j1) * step + n * VL); });
            Each<R1>::run([&](int i1) UNROLLED {
                const vf weight = load(w1 + j2 * w1_step + (j1 * R1 + i1) * VL);
                Each<N>::run([&](int n) UNROLLED { add_term(inner[i1][n], j1 == 0, weight, value[n]); });
            });
        });
        Each<R1>::run([&](int i1) UNROLLED {
            Each<R2>::run([&](int i2) UNROLLED {
                const vf weight = load(w2 + i1 * w2_step + (j2 * R2 + i2) * VL);
                Each<N>::run([&](int n) UNROLLED { add_term(sum[i2][i1][n], j2 == 0, weight, inner[i1][n]); });
            });
        });
    });
    Each<R2>::run([&](int i2) UNROLLED {
        Each<R1>::run([&](int i1) UNROLLED {
            Each<N>::run([&](int n) UNROLLED { store(out + (i2 * R1 + i1) * step + n * VL, sum[i2][i1][n]); });
        });
    });
}

// `count` blocks of the second factor.
template <int R1, int S1, int R2, int S2>
static NOINLINE bool narrow_pair_known(const NarrowFactor &f, const NarrowFactor &g, const float *w1, const float *w2,
                                       const float *in, float *out, int64_t positions, int64_t count) {
    if (f.r != R1 || f.s != S1 || g.r != R2 || g.s != S2) return false;
    const int64_t row = positions * VL, step = f.t * row, w1_step = f.t * S1 * R1 * VL, w2_step = f.t * S2 * R2 * VL;
    for (int64_t b = 0; b < count; b++, in += S2 * S1 * step, out += R2 * R1 * step, w1 += S2 * w1_step, w2 += R1 * w2_step)
        for (int64_t k = 0; k < f.t; k++) {
            const float *u = w1 + k * S1 * R1 * VL, *v = w2 + k * S2 * R2 * VL, *x = in + k * row;
            float *to = out + k * row;
            int64_t p = 0;
            for (; p + TOGETHER <= positions; p += TOGETHER)
                narrow_pair_sums<R1, S1, R2, S2, TOGETHER>(u, w1_step, v, w2_step, x + p * VL, to + p * VL, step);
            for (; p < positions; p++)
                narrow_pair_sums<R1, S1, R2, S2, 1>(u, w1_step, v, w2_step, x + p * VL, to + p * VL, step);
        }
    return true;
}

// False for pairs that have no code: then one after the other.
static bool narrow_pair(const NarrowFactor &f, const NarrowFactor &g, const float *w1, const float *w2, const float *in,
                        float *out, int64_t positions, int64_t count) {
    return narrow_pair_known<2, 2, 2, 2>(f, g, w1, w2, in, out, positions, count) ||
           narrow_pair_known<2, 2, 2, 4>(f, g, w1, w2, in, out, positions, count) ||
           narrow_pair_known<2, 4, 2, 4>(f, g, w1, w2, in, out, positions, count) ||
           narrow_pair_known<2, 4, 2, 2>(f, g, w1, w2, in, out, positions, count);
}
