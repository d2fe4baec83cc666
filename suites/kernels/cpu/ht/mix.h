// The paths of an HT-perceptron between its two transforms: mix the channels, scale, soft threshold, sum.
#pragma once
#include "lanes.h"

// A tile of OUTS outputs by V vectors of positions keeps its sums in registers over all inputs.
#if VL == 16 || defined(__aarch64__)
enum { OUTS = 8 };
#else
enum { OUTS = 4 };  // 16 registers
#endif

struct Tables {
    const float *weights;     // [block of OUTS outputs][path][input][OUTS]
    const float *scales;      // [path][position], both norms folded in
    const float *thresholds;  // [path][position], of the sums before they are scaled, not negative
};

struct Spectrum {
    float *in, *out;   // [input][step] and [output][step]
    int64_t step;      // floats from channel to channel
    int64_t floats;    // positions of a channel, at least VL
};

// The paths of one block of outputs at positions `at` and on.
template <int V>
static INLINE void mix_tile(const Spectrum &s, const float *weights, const Tables &tables, int64_t inputs,
                            int64_t paths, int64_t at, float *out, int64_t outs) {
    for (int64_t path = 0; path < paths; path++) {
        vf sum[OUTS][V];
        Each<OUTS>::run([&](int o) UNROLLED { Each<V>::run([&](int v) UNROLLED { sum[o][v] = (vf){}; }); });
        const float *in = s.in + at;
        for (int64_t c = 0; c < inputs; c++, in += s.step, weights += OUTS) {
            vf x[V];
            Each<V>::run([&](int v) UNROLLED { x[v] = load(in + v * VL); });
            Each<OUTS>::run([&](int o) UNROLLED {
                const vf w = splat(weights[o]);
                Each<V>::run([&](int v) UNROLLED { sum[o][v] += w * x[v]; });
            });
        }
        vf scale[V], limit[V], minus[V];
        Each<V>::run([&](int v) UNROLLED {
            scale[v] = load(tables.scales + path * s.floats + at + v * VL);
            limit[v] = load(tables.thresholds + path * s.floats + at + v * VL);
            minus[v] = -limit[v];
        });
        Each<OUTS>::run([&](int o) UNROLLED {
            if (o >= outs) return;
            Each<V>::run([&](int v) UNROLLED {
                float *to = out + o * s.step + v * VL;
                const vf kept = (sum[o][v] - clamp(sum[o][v], limit[v], minus[v])) * scale[v];
                store(to, path ? load(to) + kept : kept);
            });
        });
    }
}

// All outputs at V vectors of positions.
template <int V>
static NOINLINE void mix_positions(const Spectrum &s, const Tables &tables, int64_t inputs, int64_t outputs,
                                   int64_t paths, int64_t at) {
    const float *weights = tables.weights;
    for (int64_t o = 0; o < outputs; o += OUTS, weights += paths * inputs * OUTS)
        mix_tile<V>(s, weights, tables, inputs, paths, at, s.out + o * s.step + at, outputs - o);
}
