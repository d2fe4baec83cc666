// Makes a chain: groups its factors, places buffers, packs weights.
#pragma once
#include "stages.h"

// In two files of their own, so that compilers can share them.
bool set_stages_one(Group *group);
bool set_stages_two(Group *group);
static inline bool set_both_stages(Group *group) { return set_stages_one(group) && set_stages_two(group); }

static inline void chain_free(Chain *c) {
    if (!c) return;
    free(c->factors);
    free(c->groups);
    free(c);
}

// numbers: count, then (blocks, r, s, t) of each factor. Null without memory.
static inline Chain *chain_make(const int64_t *numbers) {
    const int64_t n = numbers[0];
    Chain *c = (Chain *)calloc(1, sizeof(Chain));
    if (!c) return 0;
    c->factors = (Factor *)calloc(n, sizeof(Factor));
    c->groups = (Group *)calloc(n, sizeof(Group));
    if (!c->factors || !c->groups) {
        chain_free(c);
        return 0;
    }
    c->count = n;
    for (int64_t i = 0; i < n; i++) {
        const int64_t *f = numbers + 1 + 4 * i;
        c->factors[i] = Factor{f[0], f[1], f[2], f[3]};
    }
    const Factor *f = c->factors;
    c->inputs = f[0].blocks * f[0].s * f[0].t;
    c->outputs = f[n - 1].blocks * f[n - 1].r * f[n - 1].t;
    c->depth_first = obeys_rule(f, n);
    for (int64_t i = 0; i < n;) {
        Group &g = c->groups[c->group_count++];
        g = Group();
        g.first = i;
        g.blocks = f[i].blocks, g.r1 = f[i].r, g.s1 = f[i].s, g.t = f[i].t;
        // The first factor stays alone: it reads the input by a table.
        bool paired = false;
        if (c->depth_first && i > 0 && i + 1 < n) {
            g.r2 = f[i + 1].r, g.s2 = f[i + 1].s, g.blocks = f[i + 1].blocks;
            paired = set_both_stages(&g);
            if (!paired) g.r2 = g.s2 = 0, g.blocks = f[i].blocks;
        }
        if (!paired) set_both_stages(&g);
        i += paired ? 2 : 1;
        g.weights = c->floats;
        g.block_weights = g.t * (g.r2 ? g.s2 * (g.s1 * g.r1 + g.r1 * g.r2) : g.s1 * g.r1);
        c->floats += g.blocks * g.block_weights;
    }
    c->bias = c->floats;
    c->floats += c->outputs;
    // Depth first: the inputs of one block of each group. Factor by factor: two arrays of all features.
    int64_t most = c->inputs;
    for (int64_t i = 0; i < c->group_count; i++) {
        Group &g = c->groups[i];
        const int64_t out = g.blocks * g.outputs() * g.t;
        most = out > most ? out : most;
        g.buffer = c->rows;
        if (c->depth_first && i > 0) c->rows += g.inputs() * g.t;
    }
    if (!c->depth_first) {
        for (int64_t i = 0; i < c->group_count; i++) c->groups[i].buffer = i % 2 * most;
        c->rows = 2 * most;
    }
    return c;
}

// weights[i]: factor i's (blocks, r, s, t), contiguous; bias may be null and may be shorter than the outputs.
static inline void chain_pack(const Chain &c, const float *const *weights, const float *bias, int64_t bias_count,
                              float *packed) {
    for (int64_t i = 0; i < c.group_count; i++) pack_group(c.groups[i], weights, packed + c.groups[i].weights);
    for (int64_t m = 0; m < c.outputs; m++) packed[c.bias + m] = bias && m < bias_count ? bias[m] : 0;
}
