// The arithmetic of a group on one tile: rows of V vectors of positions, weights broadcast.
#pragma once
#include "chain.h"
#include "tiles.h"

enum SinkKind { MIDDLE = 0, LAST = 1 };
enum { MOST_VECTORS = 2 };

// Where a group's outputs go. Only the last group adds the bias and may write the output tensor itself.
struct Sink {
    float *rows;         // MIDDLE: row 0 of the tile
    const float *bias;   // LAST: for each output row
    float *y;            // LAST: where output row 0 begins, in a plane or in rows of the tile
    int64_t y_row;       // elements between output rows
    Places<MOST_VECTORS> places;
};

template <int V, int KIND> struct Out {
    static INLINE vf start(const Sink &sink, int64_t m) { return splat(sink.bias[m]); }
    static INLINE void put(const Sink &sink, int64_t m, int v, vf value) {
        if (KIND == MIDDLE) {
            store(sink.rows + (m * V + v) * VL, value);
        } else {
#if MASKED_LANES
            put_lanes(sink.y + m * sink.y_row, sink.places, v, value);
#else
            store(sink.y + m * sink.y_row + sink.places.at[v], value);
#endif
        }
    }
};

// A row's vector in a register: left to itself the compiler reads it from memory for every product.
static INLINE vf load_row(const float *p) {
    vf v = load(p);
#if defined(VECTOR_REGISTER)
    __asm__("" : "+" VECTOR_REGISTER(v));
#endif
    return v;
}

// sum += w x; the first term of a sum without a start is stored, not added.
static INLINE void add_term(vf &sum, bool start, vf w, vf x) { sum = start ? w * x : sum + w * x; }

// Two factors at once. S1, S2 may be 0: then known at run time only.
template <int V, int KIND, int R1, int S1, int R2, int S2>
static void pair_stage(const Group &g, const float *w, const float *in, const Sink &given) {
    const Sink sink = given;  // a copy of its own, which no store can change
    const int64_t t = g.t, step = t * V * VL;
    for (int64_t k = 0; k < t; k++) {
        vf sum[R2][R1][V];
        if (KIND != MIDDLE)
            Each<R2>::run([&](int i2) UNROLLED {
                Each<R1>::run([&](int i1) UNROLLED {
                    vf start = Out<V, KIND>::start(sink, (i2 * R1 + i1) * t + k);
                    Each<V>::run([&](int v) UNROLLED { sum[i2][i1][v] = start; });
                });
            });
        const float *x = in + k * V * VL;
        Each<S2>::run([&](int j2) UNROLLED {
            vf inner[R1][V];
            Each<S1>::run([&](int j1) UNROLLED {
                vf value[V];
                Each<V>::run([&](int v) UNROLLED { value[v] = load_row(x + v * VL); });
                x += step;
                Each<R1>::run([&](int i1) UNROLLED {
                    vf weight = splat(w[j1 * R1 + i1]);
                    Each<V>::run([&](int v) UNROLLED { add_term(inner[i1][v], j1 == 0, weight, value[v]); });
                });
            });
            Each<R1>::run([&](int i1) UNROLLED {
                Each<R2>::run([&](int i2) UNROLLED {
                    vf weight = splat(w[S1 * R1 + i1 * R2 + i2]);
                    Each<V>::run([&](int v) UNROLLED {
                        add_term(sum[i2][i1][v], KIND == MIDDLE && j2 == 0, weight, inner[i1][v]);
                    });
                });
            });
            w += S1 * R1 + R1 * R2;
        });
        Each<R2>::run([&](int i2) UNROLLED {
            Each<R1>::run([&](int i1) UNROLLED {
                Each<V>::run([&](int v) UNROLLED { Out<V, KIND>::put(sink, (i2 * R1 + i1) * t + k, v, sum[i2][i1][v]); });
            });
        });
    }
}

// Outputs [from, from + R) of one factor; S = 0: its s is known at run time only.
template <int V, int KIND, int R, int S>
static INLINE void single_rows(const Group &g, const float *w, const float *in, const Sink &given, int64_t from) {
    const Sink sink = given;  // a copy of its own, which no store can change
    const int64_t t = g.t, step = t * V * VL, r = S ? R : g.r1, s = g.s1;
    w += from;
    for (int64_t k = 0; k < t; k++) {
        vf sum[R][V];
        Each<R>::run([&](int i) UNROLLED {
            vf start = KIND == MIDDLE ? splat(0) : Out<V, KIND>::start(sink, (from + i) * t + k);
            Each<V>::run([&](int v) UNROLLED { sum[i][v] = start; });
        });
        const float *x = in + k * V * VL;
        auto term = [&](bool start) UNROLLED {
            vf value[V];
            Each<V>::run([&](int v) UNROLLED { value[v] = load_row(x + v * VL); });
            x += step;
            Each<R>::run([&](int i) UNROLLED {
                vf weight = splat(w[i]);
                Each<V>::run([&](int v) UNROLLED { add_term(sum[i][v], start, weight, value[v]); });
            });
            w += r;
        };
        if (S)
            Each<S>::run([&](int j) UNROLLED { term(KIND == MIDDLE && j == 0); });
        else
            for (int64_t j = 0; j < s; j++) term(false);
        Each<R>::run([&](int i) UNROLLED {
            Each<V>::run([&](int v) UNROLLED { Out<V, KIND>::put(sink, (from + i) * t + k, v, sum[i][v]); });
        });
    }
}

template <int V, int KIND, int R, int S>
static void single_stage(const Group &g, const float *w, const float *in, const Sink &sink) {
    single_rows<V, KIND, R, S>(g, w, in, sink, 0);
}

// Any r and s.
template <int V, int KIND>
static void any_stage(const Group &g, const float *w, const float *in, const Sink &sink) {
    int64_t from = 0;
    for (; from + MOST_SUMS <= g.r1; from += MOST_SUMS) single_rows<V, KIND, MOST_SUMS, 0>(g, w, in, sink, from);
#if MOST_SUMS > 4
    for (; from + 4 <= g.r1; from += 4) single_rows<V, KIND, 4, 0>(g, w, in, sink, from);
#endif
    for (; from + 2 <= g.r1; from += 2) single_rows<V, KIND, 2, 0>(g, w, in, sink, from);
    for (; from < g.r1; from++) single_rows<V, KIND, 1, 0>(g, w, in, sink, from);
}

template <int V, int R1, int S1, int R2, int S2> static INLINE bool set_pair(Group *g) {
    if (R1 * R2 > MOST_SUMS || g->r1 != R1 || g->s1 != S1 || g->r2 != R2 || g->s2 != S2) return false;
    g->middle[V - 1] = pair_stage<V, MIDDLE, R1, S1, R2, S2>;
    g->last[V - 1] = pair_stage<V, LAST, R1, S1, R2, S2>;
    return true;
}

template <int V, int R, int S> static INLINE bool set_single(Group *g) {
    if (g->r1 != R || g->s1 != S) return false;
    g->middle[V - 1] = single_stage<V, MIDDLE, R, S>;
    g->last[V - 1] = single_stage<V, LAST, R, S>;
    return true;
}

// Chooses the code of a group for tiles of V vectors; false for a pair that there is no code for.
template <int V> static inline bool set_stages(Group *g) {
    if (g->r2)
        return set_pair<V, 2, 2, 2, 2>(g) || set_pair<V, 2, 2, 2, 4>(g) || set_pair<V, 2, 4, 2, 2>(g) ||
               set_pair<V, 2, 4, 2, 4>(g) || set_pair<V, 2, 2, 1, 2>(g) || set_pair<V, 1, 2, 2, 2>(g) ||
               set_pair<V, 2, 2, 4, 2>(g) || set_pair<V, 4, 2, 2, 2>(g) || set_pair<V, 4, 4, 2, 4>(g);
    if (set_single<V, 2, 2>(g) || set_single<V, 2, 4>(g) || set_single<V, 4, 2>(g) || set_single<V, 4, 4>(g) ||
        set_single<V, 1, 2>(g) || set_single<V, 2, 8>(g))
        return true;
    g->middle[V - 1] = any_stage<V, MIDDLE>;
    g->last[V - 1] = any_stage<V, LAST>;
    return true;
}
