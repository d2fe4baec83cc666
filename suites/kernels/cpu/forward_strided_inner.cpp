// Forward of the fused layer along a strided axis, between the first pass and the last: float32 in scratch.
#include "strided.h"

// `run` rows follow each other without a gap and are done as one.
template <int R>
static NOINLINE void middle_pass(float *block, const int32_t *position, int64_t groups, int64_t stride, int64_t columns,
                                 int64_t run, Fetch *fetch) {
    for (int64_t g = 0; g < groups; g += run) {
        stage_here<R>(block + position[g], stride, run * columns);
        if (fetch) fetch->pace(R * run * columns);
    }
}

void run_middle(const Levels &levels, int level, float *block, int64_t tile, int64_t columns, Fetch *fetch) {
    const int64_t groups = levels.rows[level + 1], stride = levels.stride[level + 1];
    const int64_t run = columns * VL == tile ? levels.rows[levels.count - 1] : 1;
    switch (levels.radix[level]) {
        case 2: return middle_pass<2>(block, levels.position, groups, stride, columns, run, fetch);
        case 4: return middle_pass<4>(block, levels.position, groups, stride, columns, run, fetch);
        case 8: return middle_pass<8>(block, levels.position, groups, stride, columns, run, fetch);
        default: return middle_pass<16>(block, levels.position, groups, stride, columns, run, fetch);
    }
}

// Both transforms' innermost stages with the nonlinearity between them, in registers. PLAIN: neither a table of
// scales nor an untouched first coefficient.
template <int R, int KIND, bool PLAIN>
static NOINLINE void core_pass(float *first, Blocks blocks, int64_t row_floats, int64_t columns, const float *threshold,
                               const float *scale, bool keep_first, const Constants &k, Fetch *fetch) {
    const int N = R < GROUP ? R : GROUP;
    for (int64_t b = 0; b < blocks.count; b++, first += blocks.stride, threshold += R, keep_first = false) {
        Walk<R, float> at(first, row_floats);
        for (int64_t c = 0; c < columns; c++, at.next()) {
            vf v[R];
            Each<R>::run([&](int j) UNROLLED { v[j] = load(at.row(j)); });
            Butterfly<R>::run(v);
            const vf kept = v[0] * k.first_factor;
            if (!PLAIN && scale) Each<R>::run([&](int j) UNROLLED { v[j] *= splat(scale[j]); });
            Each<R / N>::run([&](int i) UNROLLED {
                nonlinear<N, KIND>(v + i * N, [&](int j) UNROLLED { return splat(threshold[i * N + j]); }, k);
            });
            if (!PLAIN && keep_first) v[0] = kept;
            Butterfly<R>::run(v);
            Each<R>::run([&](int j) UNROLLED { store(at.row(j), v[j]); });
            if (fetch) fetch->pace(CORE_WEIGHT * R);
        }
        if (!PLAIN && scale) scale += R;
    }
}

template <int R, int KIND>
static INLINE void run_core_of(float *first, Blocks blocks, int64_t columns, const Call &call, int64_t row, Fetch *fetch) {
    const float *threshold = call.threshold + row, *scale = call.scale ? call.scale + row : 0;
    const bool keep = call.plan->g.keep_first && row == 0;
    const int64_t tile = call.plan->cut.tile;
    const bool plain = R == 8 && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !scale && !keep)
        core_pass<R, KIND, plain>(first, blocks, tile, columns, threshold, 0, false, call.constants, fetch);
    else core_pass<R, KIND, false>(first, blocks, tile, columns, threshold, scale, keep, call.constants, fetch);
}

template <int KIND>
static INLINE void run_core(int radix, float *first, Blocks blocks, int64_t columns, const Call &call, int64_t row,
                            Fetch *fetch) {
    switch (radix) {
        case 1: return run_core_of<1, KIND>(first, blocks, columns, call, row, fetch);
        case 2: return run_core_of<2, KIND>(first, blocks, columns, call, row, fetch);
        case 4: return run_core_of<4, KIND>(first, blocks, columns, call, row, fetch);
        default: return run_core_of<8, KIND>(first, blocks, columns, call, row, fetch);
    }
}

// Some blocks of one level of a tile: down through the forward stages, the nonlinearity, up through the inverse.
void inner_levels(int level, float *first, Blocks blocks, const Call &call, int64_t columns, int64_t row, Fetch *fetch) {
    const Levels &levels = call.plan->levels;
    const int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (call.plan->g.nonlinearity == SMOOTH) run_core<SMOOTH>(radix, first, blocks, columns, call, row, fetch);
        else run_core<SOFT>(radix, first, blocks, columns, call, row, fetch);
        return;
    }
    const Blocks below = {radix, levels.stride[level + 1]};
    for (int64_t b = 0; b < blocks.count; b++, first += blocks.stride, row += levels.rows[level]) {
        run_middle(levels, level, first, call.plan->cut.tile, columns, fetch);
        inner_levels(level + 1, first, below, call, columns, row, fetch);
        run_middle(levels, level, first, call.plan->cut.tile, columns, fetch);
    }
}
