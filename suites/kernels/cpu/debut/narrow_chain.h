// A chain for few positions: features lie in lanes, so that no lane is empty and each weight is read as a vector.
//
// From the first factor whose t fills whole vectors on, lanes are VL consecutive features: a factor joins features t
// apart, lane by lane. Before it (the head), lanes are VL consecutive blocks of the head, whose rows are joined the same
// way; a transposition turns the one into the other. Buffers are [VL features][position][VL] throughout.
#pragma once
#include "chain.h"

enum { MOST_FACTORS = 64 };

struct NarrowFactor {
    int64_t r, s, t;          // t: in vectors from the head on, in rows of lanes within it
    int64_t blocks;           // head: those of one block of the head; else of the chain
    int64_t weights;          // offset in the packed weights; head: in those of a group of VL blocks
    int64_t buffer;           // of its inputs, in vectors of each position; above the base only
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
    int64_t bias, floats;     // of the packed weights
    NarrowFactor factors[MOST_FACTORS];
};

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

// `taps` inputs of a channel must stay in one block of the head.
static inline Narrow narrow_make(const Chain &c, int64_t taps) {
    Narrow n = Narrow();
    const Factor *f = c.factors;
    if (!c.depth_first || c.count > MOST_FACTORS) return n;
    int64_t head = 1;
    n.inputs = f[0].s;
    while (head < c.count && f[head].t % VL) n.inputs *= f[head++].s;
    if (head == c.count || n.inputs % taps) return n;
    n.head = head;
    n.outputs = f[head].t;
    n.groups = up_to(f[head - 1].blocks, VL) / VL;
    n.head_rows = n.inputs;
    for (int64_t i = 0; i < head; i++) {
        const int64_t blocks = blocks_within(f, i, head - 1), rows = blocks * f[i].r * f[i].t;
        n.factors[i] = NarrowFactor{f[i].r, f[i].s, f[i].t, blocks, n.group_weights, 0};
        n.group_weights += rows * f[i].s * VL;
        n.head_rows = rows > n.head_rows ? rows : n.head_rows;
    }
    n.floats = n.group_weights * n.groups;
    n.direct = makes_places(f, head, taps);
    if (n.direct) {
        n.factors[0].blocks = 1;
        n.direct_rows = f[head - 1].blocks * n.outputs / VL;
        n.group_weights = (taps + (head == 2 ? 2 : 0)) * VL;
        n.floats = n.group_weights * n.direct_rows;
    }
    n.base_blocks = 1;
    for (n.base = head; n.base < c.count; n.base++) {
        n.base_blocks *= f[n.base].s;
        if (n.base_blocks % VL == 0 || n.base == c.count - 1) break;
    }
    n.base_rows = up_to(n.base_blocks, VL) * n.outputs / VL;
    for (int64_t i = head; i < c.count; i++) {
        const int64_t t = f[i].t / VL;
        n.factors[i] = NarrowFactor{f[i].r, f[i].s, t, f[i].blocks, n.floats, n.rows};
        n.floats += f[i].blocks * f[i].r * f[i].s * f[i].t;
        if (i > n.base) {
            n.rows += f[i].s * t;
        } else {
            const int64_t rows = blocks_within(f, i, n.base) * f[i].r * t;
            n.base_rows = rows > n.base_rows ? rows : n.base_rows;
        }
    }
    n.bias = n.floats;
    n.floats += c.outputs;
    return n;
}

static inline void narrow_pack(const Chain &c, const Narrow &n, const float *const *weights, const float *bias,
                               int64_t bias_count, float *to) {
    const Factor *f = c.factors;
    for (int64_t row = 0; row < (n.direct ? n.direct_rows : 0); row++) {
        for (int64_t j = 0; j < f[0].s; j++)
            for (int64_t o = row * VL; o < (row + 1) * VL; o++) *to++ = weights[0][o * f[0].s + j];
        for (int64_t other = 0; other < (n.head == 2 ? 2 : 0); other++)  // of the same place, and of the other half's
            for (int64_t m = 0; m < 2; m++)
                for (int64_t k = 0; k < VL / 2; k++) *to++ = weights[1][((row * 2 + m) * 2 + (m ^ other)) * (VL / 2) + k];
    }
    for (int64_t g = 0; g < (n.direct ? 0 : n.groups); g++)
        for (int64_t i = 0; i < n.head; i++) {
            const int64_t blocks = n.factors[i].blocks;
            for (int64_t b = 0; b < blocks; b++)
                for (int64_t k = 0; k < f[i].t; k++)
                    for (int64_t j = 0; j < f[i].s; j++)
                        for (int64_t m = 0; m < f[i].r; m++)
                            for (int64_t l = g * VL; l < (g + 1) * VL; l++) {
                                const int64_t block = l * blocks + b;
                                *to++ = block < f[i].blocks ? weights[i][((block * f[i].r + m) * f[i].s + j) * f[i].t + k] : 0;
                            }
        }
    for (int64_t i = n.head; i < c.count; i++)
        for (int64_t b = 0; b < f[i].blocks; b++)
            for (int64_t k = 0; k < f[i].t; k += VL)
                for (int64_t j = 0; j < f[i].s; j++)
                    for (int64_t m = 0; m < f[i].r; m++)
                        for (int64_t l = k; l < k + VL; l++) *to++ = weights[i][((b * f[i].r + m) * f[i].s + j) * f[i].t + l];
    for (int64_t m = 0; m < c.outputs; m++) *to++ = bias && m < bias_count ? bias[m] : 0;
}
