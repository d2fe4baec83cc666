// Work along a strided axis: vectors run over the contiguous elements beside it, so no lane ever moves.
// One tile is read once, transformed in scratch, written once. Here are the passes that are butterflies alone.
#pragma once
#include "fetch.h"
#include "tile.h"

// Groups [begin, end) of the first level, from the tensor into scratch.
template <int R, class T>
static NOINLINE void first_pass(const RowPointers<T> &rows, const Tile &t, float *scratch, const Levels &levels,
                                int64_t begin, int64_t end, Fetch *fetch) {
    const int64_t groups = levels.rows[0] / R, stride = R == 1 ? 0 : levels.stride[1];
    const bool in_steps = !t.narrow() && rows.rows.in_steps(end - 1 + (R - 1) * groups);
    for (int64_t g = begin; g < end; g++) {
        float *q = scratch + levels.position[g];
        if (in_steps) {
            const T *from = rows.base + g * rows.rows.step;
            int64_t c = 0, count = t.whole;
            do {
                stage<R, false>(from + t.at(c), groups * rows.rows.step, q + c * VL, stride, count);
                c += count;
                count = 1;
            } while (c < t.columns());
        } else {
            const T *p[R];
            Each<R>::run([&](int j) UNROLLED { p[j] = rows[g + j * groups]; });
            for (int64_t c = 0; c < t.columns(); c++) {
                const int64_t at = t.at(c);
                vf v[R];
                if (t.narrow()) Each<R>::run([&](int j) UNROLLED { v[j] = load_tail(p[j], t.tail, rows.end); });
                else Each<R>::run([&](int j) UNROLLED { v[j] = load(p[j] + at); });
                Butterfly<R>::run(v);
                Each<R>::run([&](int j) UNROLLED { store(q + j * stride + c * VL, v[j]); });
            }
        }
        if (fetch) fetch->pace(R * t.columns());
    }
}

// Groups [begin, end) of the first level, from scratch to the output. The tail's column goes first: in the backward
// its doubled lanes hold nothing.
template <int R, class T>
static NOINLINE void last_pass(const float *scratch, const Levels &levels, const Tile &t, T *y,
                               const RowPointers<T> *residual, bool past_cache, int64_t begin, int64_t end, Fetch *fetch) {
    const int64_t groups = levels.rows[0] / R, stride = R == 1 ? 0 : levels.stride[1];
    const bool in_steps = !residual && !t.narrow() && t.y_rows.in_steps(end - 1 + (R - 1) * groups);
    for (int64_t i = begin; i < end; i++) {
        const int64_t g = t.backwards ? begin + end - 1 - i : i;
        const float *q = scratch + levels.position[g];
        if (in_steps) {
            T *to = y + g * t.y_rows.step;
            const int64_t to_stride = groups * t.y_rows.step;
            for (int64_t c = t.tail ? t.whole : 0;; c = 0) {  // the tail's column, then all before it
                if (c == 0 && past_cache) stage<R, true>(q, stride, to, to_stride, t.whole);
                else stage<R, false>(q + c * VL, stride, to + t.at(c), to_stride, c == 0 ? t.whole : 1);
                if (c == 0) break;
            }
        } else {
            T nowhere[WIDEST_TILE];  // for the rows that are cropped away
            T *p[R];
            const T *x[R];
            Each<R>::run([&](int j) UNROLLED {
                const int64_t offset = t.y_rows[g + j * groups];
                p[j] = offset < 0 ? nowhere : y + offset;
                x[j] = residual ? (*residual)[g + j * groups] : (const T *)ZEROS;
            });
            for (int64_t c = t.columns() - 1; c >= 0; c--) {
                const int64_t at = t.at(c);
                vf v[R];
                Each<R>::run([&](int j) UNROLLED { v[j] = load(q + j * stride + c * VL); });
                Butterfly<R>::run(v);
                if (t.narrow()) {
                    for (int j = 0; j < R; j++) {
                        if (residual) v[j] += load_tail(x[j], t.tail, residual->end);
                        store_partial(p[j], v[j], t.tail);
                    }
                    continue;
                }
                if (residual) Each<R>::run([&](int j) UNROLLED { v[j] += load(x[j] + at); });
                Each<R>::run([&](int j) UNROLLED { store(p[j] + at, v[j]); });
            }
        }
        if (fetch) fetch->pace(R * t.columns());
    }
}

// `run` rows follow each other without a gap and are done as one.
template <int R>
static NOINLINE void middle_pass(float *block, const int32_t *position, int64_t groups, int64_t stride, int64_t columns,
                                 int64_t run, Fetch *fetch) {
    for (int64_t g = 0; g < groups; g += run) {
        stage_here<R>(block + position[g], stride, run * columns);
        if (fetch) fetch->pace(R * run * columns);
    }
}

static INLINE void run_middle(const Levels &levels, int level, float *block, int64_t tile, int64_t columns, Fetch *fetch) {
    const int64_t groups = levels.rows[level + 1], stride = levels.stride[level + 1];
    const int64_t run = columns * VL == tile ? levels.rows[levels.count - 1] : 1;
    switch (levels.radix[level]) {
        case 2: return middle_pass<2>(block, levels.position, groups, stride, columns, run, fetch);
        case 4: return middle_pass<4>(block, levels.position, groups, stride, columns, run, fetch);
        case 8: return middle_pass<8>(block, levels.position, groups, stride, columns, run, fetch);
        default: return middle_pass<16>(block, levels.position, groups, stride, columns, run, fetch);
    }
}

// A run of the first level's groups or of its blocks: all of them, or some between two pieces of other work.
struct Groups {
    int64_t begin, end;
};

template <class T>
static INLINE void run_first(const Levels &levels, const RowPointers<T> &rows, const Tile &t, float *scratch, Groups g,
                             Fetch *fetch) {
    switch (levels.radix[0]) {
        case 2: return first_pass<2>(rows, t, scratch, levels, g.begin, g.end, fetch);
        case 4: return first_pass<4>(rows, t, scratch, levels, g.begin, g.end, fetch);
        case 8: return first_pass<8>(rows, t, scratch, levels, g.begin, g.end, fetch);
        default: return first_pass<16>(rows, t, scratch, levels, g.begin, g.end, fetch);
    }
}

template <class T>
static INLINE void run_last(const Call &call, const Levels &levels, const float *scratch, const Tile &t, T *y,
                            const RowPointers<T> *residual, Groups g, Fetch *fetch) {
    // The plan says that the strides keep the alignment.
    const bool past = call.past_cache && (uintptr_t)y % sizeof(vf) == 0;
    switch (levels.radix[0]) {
        case 2: return last_pass<2>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
        case 4: return last_pass<4>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
        case 8: return last_pass<8>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
        default: return last_pass<16>(scratch, levels, t, y, residual, past, g.begin, g.end, fetch);
    }
}
