// The nonlinearity between the two transforms, its derivative, and the tables it reads.
#pragma once
#include "vec.h"

// tanh(x) = x P(x^2) / Q(x^2) for |x| <= TANH_LIMIT, own minimax fit; beyond it tanh is 1 to 4.2e-7.
// Largest absolute error in float32 arithmetic: 4.8e-7.
static const double TANH_LIMIT = 7.7;
static const double TANH_P[4] = {0.9999994487675838, 0.12937069981131102, 0.0029642587630030787, 1.159357640200958e-05};
static const double TANH_Q[5] = {1.0, 0.46270205116828966, 0.02386708500181094, 0.0002406696227009654,
                                 2.516342720882191e-07};

enum { SMOOTH = 0, SOFT = 1 };

// Constants of one call. The scale factors of both transforms are folded in, so that the kernels work on
// plain sums and differences: w = s * sum, u = S(w) * s_inverse.
struct Constants {
    vf zero, limit, minus_limit;
    vf p[4], q[4];    // Q is divided by its highest coefficient: one operation less
    vf one;
    vf soft;          // factor of the soft threshold's result
    vf first_factor;  // factor of an untouched coefficient 0

    // s: factor from the sums to w, 1 where a table of scales holds it; out: factor of u.
    void set(double s, double out, double first) {
        const double square = s * s, top = TANH_Q[4] * square * square * square * square;
        double power = 1;
        zero = splat(0.0f);
        one = splat(1.0f);
        limit = splat((float)(TANH_LIMIT / s));
        minus_limit = splat((float)(-TANH_LIMIT / s));
        for (int i = 0; i < 4; i++, power *= square) {
            p[i] = splat((float)(TANH_P[i] * power * square * out / top));
            q[i] = splat((float)(TANH_Q[i] * power / top));
        }
        soft = splat((float)(s * out));
        first_factor = splat((float)first);
    }
    // For nonlinear_backward: s leads from its values to w.
    void set_backward(double s) {
        set(s, 1 / s, 0);
        soft = splat((float)s);
    }
};

// As many values at a time as registers hold, stage by stage: one chain after the other is longer than a core
// looks ahead. (Zen 5: 2.4 ns a vector one by one, 1.7 eight at a time.)
#if !defined(GROUP)
#define GROUP (VL == 16 ? 8 : 4)
#endif

// threshold(i) gives the i-th threshold where it is needed: held from the start, they would all be spilled.
template <int N, int KIND, class Threshold>
static INLINE void nonlinear(vf *v, const Threshold &threshold, const Constants &k) {
    vf c[N], z[N], p[N], q[N], r[N];
    if (KIND == SMOOTH) {
        Each<N>::run([&](int i) UNROLLED { c[i] = clamp(v[i], k.limit, k.minus_limit); });
        Each<N>::run([&](int i) UNROLLED { z[i] = c[i] * c[i]; });
        Each<N>::run([&](int i) UNROLLED { q[i] = z[i] + k.q[3]; });
        Each<N>::run([&](int i) UNROLLED { p[i] = z[i] * k.p[3] + k.p[2]; });
        Each<N>::run([&](int i) UNROLLED { q[i] = z[i] * q[i] + k.q[2]; });
        Each<N>::run([&](int i) UNROLLED { p[i] = z[i] * p[i] + k.p[1]; });
        Each<N>::run([&](int i) UNROLLED { q[i] = z[i] * q[i] + k.q[1]; });
        Each<N>::run([&](int i) UNROLLED { p[i] = z[i] * p[i] + k.p[0]; });
        Each<N>::run([&](int i) UNROLLED { q[i] = z[i] * q[i] + k.q[0]; });
        Each<N>::run([&](int i) UNROLLED { p[i] = c[i] * p[i]; });
        Each<N>::run([&](int i) UNROLLED { p[i] = divide(p[i], q[i]); });
    }
    Each<N>::run([&](int i) UNROLLED { r[i] = absolute(v[i]); });
    Each<N>::run([&](int i) UNROLLED { r[i] = r[i] - threshold(i); });
    Each<N>::run([&](int i) UNROLLED { r[i] = max2(k.zero, r[i]); });
    // The sign of 0 is 0: it matters where a threshold is negative.
    if (KIND == SOFT) Each<N>::run([&](int i) UNROLLED { r[i] = (vf)((vi)(r[i] * k.soft) & (v[i] != k.zero)); });
    Each<N>::run([&](int i) UNROLLED { v[i] = KIND == SMOOTH ? p[i] * r[i] : with_sign(r[i], v[i]); });
}

// Backward, N values at a time. v: the forward's sums, or the argument w itself; replaced by the slope dS/dw. k was set
// with the factor from v to w, and k.soft holds it. by_threshold gets -gu dS/dT. A NaN in v comes through, and so does
// an infinity, whose slope is 0 times infinity. The zeros are no constants of the call, or masks cost an operation more.
template <int N, int KIND>
static INLINE void nonlinear_backward(vf *v, const vf *gu, const vf *threshold, vf *by_threshold, const Constants &k) {
    vf a[N], d[N];
    Each<N>::run([&](int i) UNROLLED { a[i] = absolute(v[i]); });
    Each<N>::run([&](int i) UNROLLED { d[i] = a[i] * k.soft - threshold[i]; });
    if (KIND == SOFT) {
        // The sign of 0 is 0.
        Each<N>::run([&](int i) UNROLLED { a[i] = d[i] > k.zero && a[i] > k.zero ? k.one : k.zero; });
        Each<N>::run([&](int i) UNROLLED { by_threshold[i] = with_sign(gu[i] * a[i], v[i]); });
        Each<N>::run([&](int i) UNROLLED { v[i] = a[i] + (v[i] - v[i]); });
        return;
    }
    vf c[N], z[N], p[N], q[N], t[N];
    Each<N>::run([&](int i) UNROLLED { c[i] = min2(k.limit, a[i]); });
    Each<N>::run([&](int i) UNROLLED { z[i] = c[i] * c[i]; });
    Each<N>::run([&](int i) UNROLLED { q[i] = z[i] + k.q[3]; });
    Each<N>::run([&](int i) UNROLLED { p[i] = z[i] * k.p[3] + k.p[2]; });
    Each<N>::run([&](int i) UNROLLED { q[i] = z[i] * q[i] + k.q[2]; });
    Each<N>::run([&](int i) UNROLLED { p[i] = z[i] * p[i] + k.p[1]; });
    Each<N>::run([&](int i) UNROLLED { q[i] = z[i] * q[i] + k.q[1]; });
    Each<N>::run([&](int i) UNROLLED { p[i] = z[i] * p[i] + k.p[0]; });
    Each<N>::run([&](int i) UNROLLED { q[i] = z[i] * q[i] + k.q[0]; });
    Each<N>::run([&](int i) UNROLLED { t[i] = divide(c[i] * p[i], q[i]); });  // tanh |w|
    // Beyond the limit tanh is flat, whatever the distance to the threshold.
    Each<N>::run([&](int i) UNROLLED { p[i] = a[i] < k.limit ? k.one - t[i] * t[i] : vf{}; });
    // Both halves of the slope, (1 - t^2) d and t, are there above the threshold only; !(<=) holds for a NaN.
    Each<N>::run([&](int i) UNROLLED {
        const vi below = d[i] <= k.zero;
        t[i] = below ? vf{} : t[i];
        p[i] = below ? vf{} : p[i] * d[i] + t[i];
    });
    Each<N>::run([&](int i) UNROLLED { by_threshold[i] = with_sign(gu[i] * t[i], v[i]); });
    Each<N>::run([&](int i) UNROLLED { v[i] = p[i]; });
}
