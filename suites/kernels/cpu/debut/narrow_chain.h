// A chain for few positions: features lie in lanes, so that no lane is empty and each weight is read as a vector.
//
// From the first factor whose t fills whole vectors on, lanes are VL consecutive features: a factor joins features t
// apart, lane by lane. Before it (the head), lanes are VL consecutive blocks of the head, whose rows are joined the same
// way; a transposition turns the one into the other. Buffers are [VL features][position][VL] throughout.
#pragma once
#include <string.h>

#include "chain.h"

enum { MOST_FACTORS = 64 };

struct NarrowFactor {
    int64_t r, s, t;          // t: in vectors from the head on, in rows of lanes within it
    int64_t kept;             // weights of an output: s, or one less where the first is known to be 1
    bool one;                 // whether the first is 1
    int64_t blocks;           // head: those of one block of the head; else of the chain
    int64_t weights;          // offset in the packed weights; head: in those of a group of VL blocks
    int64_t buffer;           // of its inputs, in vectors of each position; above the base only
    int64_t joined;           // beyond the head: how many factors from this one on are done as one
    int64_t block_weights;    // of these, floats for a block of the last of them
};

struct Narrow {
    int64_t head;             // factors in the head; 0: no such form of this chain
    bool direct;              // the head's outputs are made in their places: see narrow_direct.h
    int64_t base;             // the last factor of those done factor by factor, on `base_blocks` blocks of the head
    int64_t base_blocks, groups;      // groups of VL blocks of the head in all
    int64_t inputs, outputs;  // features of one block of the head; outputs are whole vectors
    int64_t head_rows, base_rows, rows;  // of the buffers, in vectors of each position
    int64_t group_weights;    // floats of the head's weights for VL blocks; direct: for VL outputs
    int64_t direct_rows;      // direct: outputs of the head, in vectors
    int64_t scale, bias, floats;  // of the packed weights
    bool given;               // weights as they were given: none is 1, and so each factor is done on its own
    NarrowFactor factors[MOST_FACTORS];
};

static inline int64_t larger_of(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t weights_of(const Factor &f) { return f.blocks * f.r * f.s * f.t; }
static inline int64_t up_to(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Blocks of factor i in what factors up to `last` make one block of.
static inline int64_t blocks_within(const Factor *f, int64_t i, int64_t last) {
    int64_t blocks = 1;
    for (int64_t l = i + 1; l <= last; l++) blocks *= f[l].s;
    return blocks;
}

// Whether VL outputs of the head can be made as one vector: the first factor takes one channel's taps for each block,
// whose outputs fill whole vectors, or half of one if the second factor exchanges just the halves.
static inline bool makes_places(const Factor *f, int64_t head, int64_t taps) {
    if (taps == 1 || f[0].s != taps) return false;
    if (head == 1) return f[0].r % VL == 0;
    return head == 2 && f[0].r == VL / 2 && f[1].r == 2 && f[1].s == 2;
}

// Factors that have code of their own leave out a weight that is 1.
static inline int64_t weights_kept(int64_t r, int64_t s) {
    return (r == 2 || r == 4) && (s == 2 || s == 4) ? s - 1 : s;
}

// Factors of which two that follow each other have code of their own, and three.
static inline bool pairs(const Factor &f) { return f.r == 2 && (f.s == 2 || f.s == 4); }
static inline bool is_triple(const Factor *f) {
    return pairs(f[0]) && pairs(f[1]) && pairs(f[2]) && f[0].s == 2 && f[1].s == 2 && f[2].s == 4;
}

// `taps` inputs of a channel must stay in one block of the head.
static inline Narrow narrow_make(const Chain &c, int64_t taps, bool given) {
    Narrow n = Narrow();
    const Factor *f = c.factors;
    if (!c.depth_first || c.count > MOST_FACTORS) return n;
    int64_t head = 1;
    n.inputs = f[0].s;
    while (head < c.count && f[head].t % VL) n.inputs *= f[head++].s;
    if (head == c.count || n.inputs % taps) return n;
    n.head = head;
    n.given = given;
    n.outputs = f[head].t;
    n.groups = up_to(f[head - 1].blocks, VL) / VL;
    n.head_rows = n.inputs;
    for (int64_t i = 0; i < head; i++) {
        const int64_t blocks = blocks_within(f, i, head - 1), rows = blocks * f[i].r * f[i].t;
        // The very first may have to leave out some of its inputs, any of them.
        const int64_t kept = i && !given ? weights_kept(f[i].r, f[i].s) : f[i].s;
        n.factors[i] = NarrowFactor{f[i].r, f[i].s, f[i].t, kept, !given, blocks, n.group_weights, 0, 1, 0};
        n.group_weights += rows * kept * VL;
        n.head_rows = rows > n.head_rows ? rows : n.head_rows;
    }
    n.floats = n.group_weights * n.groups;
    n.direct = makes_places(f, head, taps);
    if (n.direct) {
        n.factors[0].blocks = 1;
        n.direct_rows = f[head - 1].blocks * n.outputs / VL;
        n.group_weights = (taps + (head == 2 ? 1 + given : 0)) * VL;
        n.floats = n.group_weights * n.direct_rows;
    }
    n.base_blocks = 1;
    for (n.base = head; n.base < c.count; n.base++) {
        n.base_blocks *= f[n.base].s;
        if (n.base_blocks % VL == 0 || n.base == c.count - 1) break;
    }
    n.base_rows = up_to(n.base_blocks, VL) * n.outputs / VL;
    for (int64_t i = head, joined; i < c.count; i += joined) {
        const bool pair = !given && i + 1 < c.count && i != n.base && pairs(f[i]) && pairs(f[i + 1]);
        const bool top = i + 2 == c.count;  // of those beyond the base only the last two
        joined = !pair || (i > n.base && !top) ? 1 : i + 2 <= n.base && is_triple(f + i) ? 3 : 2;
        const int64_t last = i + joined - 1, begin = n.floats;
        for (int64_t l = i; l <= last; l++) {
            const int64_t kept = given ? f[l].s : weights_kept(f[l].r, f[l].s), t = f[l].t / VL;
            n.factors[l] = NarrowFactor{f[l].r, f[l].s, t, kept, !given, f[l].blocks, begin, n.rows, joined, 0};
            n.floats += f[l].blocks * f[l].r * kept * f[l].t;
            const int64_t rows = l > n.base ? 0 : blocks_within(f, l, n.base) * f[l].r * t;
            n.base_rows = rows > n.base_rows ? rows : n.base_rows;
        }
        n.factors[i].block_weights = (n.floats - begin) / f[last].blocks;
        if (i > n.base) n.rows += f[i].s * blocks_within(f, i, last) * n.factors[i].t;
    }
    n.scale = n.floats;
    n.bias = n.scale + c.outputs;
    n.floats = n.bias + c.outputs;
    return n;
}

// The input whose weight is made 1 for output i of a block of factor `number`. A channel's middle tap lies inside planes
// of any size; of two halves the one that need not be exchanged.
static inline int64_t pivot_of(const Narrow &n, const Factor *f, int64_t number, int64_t i) {
    return !n.direct ? 0 : number == 0 ? f[0].s / 2 : number == 1 && n.head == 2 ? i : 0;
}

// Between factors every feature may be measured in a unit of its own: in units of one of its weights that weight is 1 and
// costs no product. `to` gets the factors' weights one after the other, as they were given but in such units, then the
// units of the outputs. A unit is never chosen for its size, and need not be: rounding does not depend on it. False where
// a unit is 0 or numbers could leave the range of floats, which takes weights that lie far apart.
static inline bool scale_weights(const Chain &c, const Narrow &n, const float *const *weights, float *to, double *memory,
                                 int64_t most) {
    const double most_gain = 18446744073709551616.0, most_unit = most_gain * 1e18;  // 2^64, about 2^124
    double *unit = memory, *bound = memory + most, *next_unit = memory + 2 * most, *next_bound = memory + 3 * most;
    for (int64_t f = 0; f < c.inputs; f++) unit[f] = bound[f] = 1;
    for (int64_t number = 0; number < c.count; number++) {
        const Factor f = c.factors[number];
        const float *w = weights[number];
        for (int64_t row = 0; row < f.blocks * f.r; row++)
            for (int64_t k = 0; k < f.t; k++) {
                const int64_t out = row * f.t + k, in = row / f.r * f.s * f.t + k, at = row * f.s * f.t + k;
                const int64_t pivot = pivot_of(n, c.factors, number, row % f.r);
                const double own = w[at + pivot * f.t] * unit[in + pivot * f.t];
                double sum = 0;
                for (int64_t j = 0; j < f.s; j++) {
                    const double ratio = w[at + j * f.t] * unit[in + j * f.t] / own;
                    to[at + j * f.t] = (float)ratio;
                    sum += __builtin_fabs(ratio) * bound[in + j * f.t];
                }
                next_unit[out] = own;
                next_bound[out] = sum;
                if (!(sum <= most_gain)) return false;  // where `own` is 0, too
            }
        double *swap = unit;
        unit = next_unit, next_unit = swap;
        swap = bound, bound = next_bound, next_bound = swap;
        to += f.blocks * f.r * f.s * f.t;
    }
    for (int64_t m = 0; m < c.outputs; m++) {
        const double size = __builtin_fabs(unit[m]);
        if (!(size <= most_unit && size * most_unit >= 1)) return false;
        to[m] = (float)unit[m];
    }
    return true;
}

// Weights of VL lanes from k on: one input's for one output of a block.
static inline float *narrow_lanes_of(const Factor &f, const float *w, int64_t block, int64_t i, int64_t j, int64_t k, float *to) {
    memcpy(to, w + ((block * f.r + i) * f.s + j) * f.t + k, VL * sizeof(float));
    return to + VL;
}
// Of factors that are done as one, in the order of reading.
static inline float *narrow_order_joined(const Factor *f, const NarrowFactor &first, const float *const *w, float *to) {
    const int64_t s2 = first.joined > 1 ? f[1].s : 1, s3 = first.joined > 2 ? f[2].s : 1, t = f[0].t;
    for (int64_t b = 0; b < f[first.joined - 1].blocks; b++)
        for (int64_t k = 0; k < t; k += VL)
            for (int64_t j = 0; j < s3 * s2; j++) {
                const int64_t j2 = j % s2, j3 = j / s2;
                for (int64_t j1 = f[0].s - first.kept; j1 < f[0].s; j1++)
                    for (int64_t i = 0; i < f[0].r; i++) to = narrow_lanes_of(f[0], w[0], b * s3 * s2 + j, i, j1, k, to);
                for (int64_t i = 0; j2 > 0 && i < f[0].r * f[1].r; i++)
                    to = narrow_lanes_of(f[1], w[1], b * s3 + j3, i % f[1].r, j2, i / f[1].r * t + k, to);
                for (int64_t i = 0; j3 > 0 && j2 == s2 - 1 && i < f[0].r * f[1].r * f[2].r; i++)
                    to = narrow_lanes_of(f[2], w[2], b, i % f[2].r, j3, i / f[2].r * t + k, to);
            }
    return to;
}

// In the order of reading, of weights in such units and the units of the outputs; null: as they were given.
static inline void narrow_order(const Chain &c, const Narrow &n, const float *const *weights, const float *units,
                                const float *bias, int64_t bias_count, float *to) {
    const Factor *f = c.factors;
    for (int64_t row = 0; row < (n.direct ? n.direct_rows : 0); row++) {
        for (int64_t j = 0; j < f[0].s; j++)
            for (int64_t o = row * VL; o < (row + 1) * VL; o++) *to++ = weights[0][o * f[0].s + j];
        for (int64_t other = 1; n.head == 2 && other >= (n.given ? 0 : 1); other--)  // the other half's, the own
            for (int64_t m = 0; m < 2; m++)
                for (int64_t k = 0; k < VL / 2; k++) *to++ = weights[1][((row * 2 + m) * 2 + (m ^ other)) * (VL / 2) + k];
    }
    for (int64_t g = 0; g < (n.direct ? 0 : n.groups); g++)
        for (int64_t i = 0; i < n.head; i++) {
            const int64_t blocks = n.factors[i].blocks;
            for (int64_t b = 0; b < blocks; b++)
                for (int64_t k = 0; k < f[i].t; k++)
                    for (int64_t j = f[i].s - n.factors[i].kept; j < f[i].s; j++)
                        for (int64_t m = 0; m < f[i].r; m++)
                            for (int64_t l = g * VL; l < (g + 1) * VL; l++) {
                                const int64_t block = l * blocks + b;
                                *to++ = block < f[i].blocks ? weights[i][((block * f[i].r + m) * f[i].s + j) * f[i].t + k] : 0;
                            }
        }
    for (int64_t i = n.head; i < c.count; i += n.factors[i].joined) to = narrow_order_joined(f + i, n.factors[i], weights + i, to);
    for (int64_t m = 0; m < c.outputs; m++) *to++ = units ? units[m] : 1;
    for (int64_t m = 0; m < c.outputs; m++) *to++ = bias && m < bias_count ? bias[m] : 0;
}

// False, with nothing packed, where the weights allow no such units or memory ran out.
static inline bool narrow_pack_scaled(const Chain &c, const Narrow &n, const float *const *weights, const float *bias,
                                      int64_t bias_count, float *to) {
    int64_t most = c.inputs, count = 0;
    for (int64_t i = 0; i < c.count; i++) {
        most = larger_of(most, c.factors[i].blocks * c.factors[i].r * c.factors[i].t);
        count += weights_of(c.factors[i]);
    }
    double *memory = (double *)malloc(4 * most * sizeof(double) + (count + c.outputs) * sizeof(float));
    if (!memory) return false;
    float *scaled = (float *)(memory + 4 * most);
    const bool good = scale_weights(c, n, weights, scaled, memory, most);
    if (good) {
        const float *own[MOST_FACTORS];
        count = 0;
        for (int64_t i = 0; i < c.count; i++) {
            own[i] = scaled + count;
            count += weights_of(c.factors[i]);
        }
        narrow_order(c, n, own, scaled + count, bias, bias_count, to);
    }
    free(memory);
    return good;
}

// The larger of a layer's two layouts: for weights in such units, and for those that allow none.
static inline int64_t narrow_floats(const Narrow &scaled, const Narrow &given) { return larger_of(scaled.floats, given.floats); }
// Which of them was packed: whether the former.
static inline bool narrow_pack(const Chain &c, const Narrow &scaled, const Narrow &given, const float *const *weights,
                               const float *bias, int64_t bias_count, float *to) {
    if (narrow_pack_scaled(c, scaled, weights, bias, bias_count, to)) return true;
    narrow_order(c, given, weights, 0, bias, bias_count, to);
    return false;
}
