// A chain of factors as the kernel walks it: factors grouped to be applied together, weights in the order of reading.
//
// Factor (blocks, r, s, t): out[b r t + i t + k] = sum over j of w[b, i, j, k] in[b s t + j t + k]. Where t(i+1) =
// r(i) t(i), block b of a factor needs just s blocks of the factor before, so the chain is walked depth first and
// only one block's inputs are held for each group. Other chains are walked factor by factor, all features held.
#pragma once
#include <stdint.h>
#include <stdlib.h>

#include "vec.h"

#if defined(__AVX512F__) || defined(__aarch64__)
#define MOST_SUMS 8  // outputs of a fused pair that stay in registers, times two vectors: of 32 registers
#else
#define MOST_SUMS 4  // of 16
#endif

struct Factor {
    int64_t blocks, r, s, t;
};

struct Sink;
// Applies one block of a group: inputs in rows, outputs where the sink says.
typedef void (*Stage)(const struct Group &group, const float *weights, const float *in, const Sink &sink);

// One factor, or two consecutive ones done in registers (r2 > 0): then the outputs of one block are r2 r1 t rows.
struct Group {
    int64_t blocks, r1, s1, r2, s2, t;
    int64_t weights, block_weights;  // offset of block 0 and floats of a block
    int64_t first;                   // the first factor's place in the chain
    int64_t buffer;                  // offset of the rows it reads, in rows
    Stage middle[2], last[2];        // [vectors of a tile - 1]

    int64_t inputs() const { return s1 * (r2 ? s2 : 1); }    // chunks of t rows
    int64_t outputs() const { return r1 * (r2 ? r2 : 1); }
};

struct Chain {
    Factor *factors;
    Group *groups;
    int64_t count, group_count;
    int64_t inputs, outputs;  // features
    int64_t bias, floats;     // offset of the padded bias in the packed weights, and their size
    int64_t rows;             // of all the buffers of one thread
    bool depth_first;
};

static inline bool obeys_rule(const Factor *f, int64_t count) {
    int64_t t = 1;
    for (int64_t i = 0; i < count; i++) {
        if (f[i].t != t) return false;
        t *= f[i].r;
    }
    return f[count - 1].blocks == 1 && count > 1;
}

// The place of w1[b s2 + j2, i1, j1, k] and w2[b, i2, j2, i1 t + k] in block b of a pair: for each k, for each j2,
// first all of w1 (by j1, then i1), then all of w2 (by i1, then i2). A single factor: for each k, by j, then i.
static inline void pack_group(const Group &g, const float *const *weights, float *to) {
    const float *w1 = weights[g.first], *w2 = g.r2 ? weights[g.first + 1] : 0;
    const int64_t r1 = g.r1, s1 = g.s1, r2 = g.r2, s2 = g.r2 ? g.s2 : 1, t = g.t;
    for (int64_t b = 0; b < g.blocks; b++)
        for (int64_t k = 0; k < t; k++)
            for (int64_t j2 = 0; j2 < s2; j2++) {
                for (int64_t j1 = 0; j1 < s1; j1++)
                    for (int64_t i1 = 0; i1 < r1; i1++) *to++ = w1[(((b * s2 + j2) * r1 + i1) * s1 + j1) * t + k];
                for (int64_t i1 = 0; r2 && i1 < r1; i1++)
                    for (int64_t i2 = 0; i2 < r2; i2++) *to++ = w2[((b * r2 + i2) * s2 + j2) * t * r1 + i1 * t + k];
            }
}
