// Forward of the fused layer along contiguous rows, between the first pass and the last: float32 in scratch.
#include "row_core.h"

void row_stage_floats(int radix, const float *in, int64_t in_stride, float *out, int64_t out_stride, int64_t columns) {
    switch (radix) {
        case 2: return stage<2, false>(in, in_stride, out, out_stride, columns);
        case 4: return stage<4, false>(in, in_stride, out, out_stride, columns);
        case 8: return stage<8, false>(in, in_stride, out, out_stride, columns);
        default: return stage<16, false>(in, in_stride, out, out_stride, columns);
    }
}

void row_cores_floats(const Call &call, const float *in, float *out, int64_t rows, bool past_cache) {
    run_row_cores(call, in, out, rows, past_cache);
}

// One part of a row in scratch, at `level`, a level below the top.
void row_levels(int level, float *part, const Levels &levels, const Call &call, int64_t at, Ahead ahead) {
    if (level == levels.count - 1) {
        if (ahead.row) fetch_lines(ahead.row + at * ahead.bytes, ROW_CORE * VL * ahead.bytes);
        const RowTask task = {call.threshold + at, call.scale ? call.scale + at : 0, call.plan->g.keep_first && at == 0,
                              false, VL, call.first_lanes};
        if (call.plan->g.nonlinearity == SMOOTH) row_core<ROW_CORE, SMOOTH>(part, part, 1, task, call.constants);
        else row_core<ROW_CORE, SOFT>(part, part, 1, task, call.constants);
        return;
    }
    const int radix = levels.radix[level];
    const int64_t below = levels.rows[level + 1] * VL, stride = levels.stride[level + 1];
    row_stage<false>(radix, part, stride, part, stride, below / VL);
    for (int j = 0; j < radix; j++) row_levels(level + 1, part + j * stride, levels, call, at + j * below, ahead);
    row_stage<false>(radix, part, stride, part, stride, below / VL);
}

// All between the first pass of a row and its last one.
void row_inner(float *scratch, const Call &call, Ahead ahead) {
    const Levels &levels = call.plan->levels;
    for (int j = 0; j < levels.radix[0]; j++)
        row_levels(1, scratch + j * levels.stride[1], levels, call, j * levels.rows[1] * VL, ahead);
}
