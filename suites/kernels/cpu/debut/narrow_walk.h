// The walk of a chain with features in lanes, over a few positions of one or several images.
#pragma once
#include "narrow_direct.h"
#include "narrow_factor.h"
#include "threads.h"

// What one walk works with; buffers are [row][position][VL].
struct NarrowTile {
    const Plan *plan;
    const Narrow *narrow;       // the plan's layout that was packed
    const float *packed;
    const float *stage;         // the input, [group of VL blocks][channel of a block][pixel][VL]; direct: [channel][pixel]
    float *head[2], *base[2], *rows, *out;
    int64_t positions, pixels;  // of all the tile's images
};

// Rows of the stage for each block of the head.
static inline int64_t stage_channels(const Plan &plan) { return plan.narrow.inputs / (plan.columns ? 1 : plan.taps); }

// A first factor whose inputs are taps, some of which lie outside the plane: only those inside are read.
template <int R>
static INLINE void narrow_taps(const Reach *reach, int64_t count, const float *w, const float *stage, float *out,
                               const NarrowFactor &f, int64_t positions, int64_t i) {
    vf sum[R];
    Each<R>::run([&](int a) UNROLLED { sum[a] = (vf){}; });
    for (int64_t n = 0; n < count; n++) {
        const vf value = load(stage + reach[n].offset);
        const float *weights = w + (reach[n].input * f.r + i) * VL;
        Each<R>::run([&](int a) UNROLLED { sum[a] += load(weights + a * VL) * value; });
    }
    Each<R>::run([&](int a) UNROLLED { store(out + (i + a) * positions * VL, sum[a]); });
}

static NOINLINE void narrow_first(const NarrowTile &tile, const NarrowFactor &f, int64_t block, const float *w,
                                  const float *stage, float *out) {
    const Plan &plan = *tile.plan;
    for (int64_t p = 0; p < tile.positions; p++) {
        const int64_t at = block * plan.tile_positions + p;
        const Reach *reach = plan.reach + plan.reach_begin[at];
        const int64_t count = plan.reach_begin[at + 1] - plan.reach_begin[at];
        float *to = out + p * VL;
        int64_t i = 0;
        for (; i + MOST_SUMS <= f.r; i += MOST_SUMS) narrow_taps<MOST_SUMS>(reach, count, w, stage, to, f, tile.positions, i);
#if MOST_SUMS > 4
        for (; i + 4 <= f.r; i += 4) narrow_taps<4>(reach, count, w, stage, to, f, tile.positions, i);
#endif
        for (; i + 2 <= f.r; i += 2) narrow_taps<2>(reach, count, w, stage, to, f, tile.positions, i);
        for (; i < f.r; i++) narrow_taps<1>(reach, count, w, stage, to, f, tile.positions, i);
    }
}

// VL blocks of the head into rows of features.
static void narrow_head(const NarrowTile &tile, int64_t group, float *out) {
    const Narrow &n = *tile.narrow;
    const int64_t positions = tile.positions, channels = stage_channels(*tile.plan);
    const float *stage = tile.stage + group * channels * tile.pixels * VL, *in = stage;
    for (int64_t i = 0; i < n.head; i++) {
        const NarrowFactor &f = n.factors[i];
        const float *w = tile.packed + group * n.group_weights + f.weights;
        float *to = tile.head[i % 2];
        if (i == 0 && tile.plan->reach)
            for (int64_t b = 0; b < f.blocks; b++)
                narrow_first(tile, f, b, w + b * f.s * f.r * VL, stage, to + b * f.r * positions * VL);
        else
            narrow_factor(f, w, in, to, positions, f.blocks);
        in = tile.head[i % 2];
    }
    for (int64_t m = 0; m < n.outputs; m += VL)
        for (int64_t p = 0; p < positions; p++) {
            vf square[VL];
            for (int l = 0; l < VL; l++) square[l] = load(in + ((m + l) * positions + p) * VL);
            transpose(square);
            for (int l = 0; l < VL; l++) store(out + ((l * n.outputs + m) / VL * positions + p) * VL, square[l]);
        }
}

// One block of the base, whose inputs are whole groups of blocks of the head (or all of them).
static void narrow_base(const NarrowTile &tile, int64_t block, float *out) {
    const Narrow &n = *tile.narrow;
    const Factor *factors = tile.plan->chain->factors;
    const int64_t row = tile.positions * VL, first = block * n.base_blocks / VL;
    const int64_t groups = n.direct ? 0 : up_to(n.base_blocks, VL) / VL;
    for (int64_t g = 0; g < groups; g++)
        narrow_head(tile, first + g, tile.base[0] + g * n.outputs * row);
    if (n.direct) {
        const auto make = n.head == 2 ? direct_rows<true> : direct_rows<false>;
        const int64_t rows = n.base_blocks * n.outputs / VL;
        make(*tile.plan, n, tile.packed, tile.stage, tile.pixels, tile.head[0], tile.base[0], tile.positions, block * rows, rows);
    }
    const float *in = tile.base[0];
    for (int64_t i = n.head, other = 1; i <= n.base; other = 1 - other) {
        const NarrowFactor *f = n.factors + i;
        i += f->joined;
        const int64_t blocks = blocks_within(factors, i - 1, n.base);
        float *to = i > n.base ? out : tile.base[other];
        narrow_joined(f, tile.packed + f->weights + block * blocks * f->block_weights, in, to, tile.positions, blocks);
        in = to;
    }
}

// `i` is the last of factors that are done as one.
static void narrow_walk(const NarrowTile &tile, int64_t i, int64_t block, float *out) {
    const Narrow &n = *tile.narrow;
    if (i == n.base) return narrow_base(tile, block, out);
    const int64_t joined = n.factors[i].joined, row = tile.positions * VL;
    const NarrowFactor *f = n.factors + i - joined + 1;
    const int64_t inputs = joined == 2 ? f[0].s * f[1].s : f[0].s;
    float *in = tile.rows + f->buffer * row;
    for (int64_t j = 0; j < inputs; j++) narrow_walk(tile, i - joined, block * inputs + j, in + j * f->t * row);
    narrow_joined(f, tile.packed + f->weights + block * f->block_weights, in, out, tile.positions, 1);
}

// `count` elements `step` apart of each of VL places, `apart` of each other, as `count` vectors of lanes: `to` and on.
// Lanes from `lanes` on are zeros.
template <class T>
static INLINE void narrow_lanes(const T *from, int64_t apart, int64_t step, int64_t count, int64_t lanes, float *to,
                                int64_t to_step) {
    for (int64_t k = 0; k < count; k += VL) {
        vf square[VL];
        for (int l = 0; l < VL; l++) square[l] = l < lanes ? load_spaced(from + l * apart + k * step, step, count - k) : (vf){};
        transpose(square);
        for (int64_t l = 0; l < VL && k + l < count; l++) store(to + (k + l) * to_step, square[l]);
    }
}

// Position p's row of `features` into the stage: whole blocks of them; what lies past the last belongs to lanes of zeros.
template <class T> static void narrow_fill_row(const NarrowTile &tile, const T *row, int64_t features, int64_t p, float *to) {
    const int64_t channels = stage_channels(*tile.plan), step = tile.pixels * VL;
    to += p * VL;
    for (int64_t group = 0; group < tile.narrow->groups; group++, row += VL * channels, to += channels * step) {
        const int64_t left = features - group * VL * channels, lanes = left > 0 ? left / channels : 0;
        narrow_lanes(row, channels, 1, channels, lanes, to, step);
        for (int64_t f = lanes * channels; f < left && lanes < VL; f++)
            to[f % channels * step + lanes] = load_first(row + f, 1)[0];
    }
}

// The features of every position, tap after tap: `room` has room for those of one, and for an image.
template <class T> static void narrow_columns(const NarrowTile &tile, const T *x, int64_t images, float *room, float *to) {
    const Geometry &g = tile.plan->g;
    const int64_t features = tile.plan->chain->inputs, channels = features / tile.plan->taps;
    float *pixels = room + features;
    for (int64_t p = 0; p < images * tile.plan->plane; p++) {
        const int64_t place = p % tile.plan->plane, y = place / g.out_w * g.stride_h - g.pad_h;
        const int64_t left = place % g.out_w * g.stride_w - g.pad_w;
        const T *image = x + p / tile.plan->plane * g.x_image;
        for (int64_t c = 0; c < channels && place == 0; c++)
            for (int64_t h = 0; h < g.height; h++)
                for (int64_t w = 0; w < g.width; w++)
                    pixels[(h * g.width + w) * channels + c] =
                        c < g.features ? number(image[c * g.x_channel + h * g.x_row + w * g.x_column]) : 0;
        for (int64_t tap = 0; tap < tile.plan->taps; tap++) {
            const int64_t h = y + tap / g.kernel_w, w = left + tap % g.kernel_w;
            const bool inside = h >= 0 && h < g.height && w >= 0 && w < g.width;
            if (inside) memcpy(room + tap * channels, pixels + (h * g.width + w) * channels, channels * sizeof(float));
            else memset(room + tap * channels, 0, channels * sizeof(float));
        }
        narrow_fill_row(tile, (const float *)room, features, p, to);
    }
}

// The channels of the tile's images, or its rows of features, into the stage.
template <class T> static void narrow_fill(const NarrowTile &tile, const T *x, int64_t images, float *to) {
    const Plan &plan = *tile.plan;
    const Geometry &g = plan.g;
    const int64_t channels = tile.narrow->inputs / plan.taps, apart = channels * g.x_channel;
    for (int64_t p = 0; g.linear && p < tile.pixels; p++) narrow_fill_row(tile, x + p * g.x_row, g.features, p, to);
    if (g.linear) return;
    for (int64_t group = 0; group < tile.narrow->groups; group++, to += channels * tile.pixels * VL) {
        const int64_t first = group * VL * channels;  // of the group's channels
        const bool flat = g.x_row == g.width * g.x_column;
        for (int64_t c = 0; c < channels; c++) {
            const int64_t left = g.features - first - c, lanes = left > 0 ? (left + channels - 1) / channels : 0;
            float *place = to + c * tile.pixels * VL;
            for (int64_t n = 0; n < images; n++)
                for (int64_t i = 0; i < g.height; i += flat ? g.height : 1) {
                    const int64_t count = flat ? g.height * g.width : g.width;
                    const T *from = x + n * g.x_image + (first + c) * g.x_channel + i * g.x_row;
                    narrow_lanes(from, apart, g.x_column, count, lanes, place, VL);
                    place += count * VL;
                }
        }
    }
}

// Sums in the output's own unit, and bias, into the output, whose first image (or row) of the tile is at y.
template <class T> static void narrow_empty(const NarrowTile &tile, T *y) {
    const Plan &plan = *tile.plan;
    const float *scales = tile.packed + tile.narrow->scale, *bias = tile.packed + tile.narrow->bias;
    const int64_t out = plan.g.out_features, plane = plan.plane, step = plan.y_plane;
    for (int64_t m = 0; m < out; m += VL) {
        const vf scale = load(scales + m), add = load(bias + m);
        const float *sums = tile.out + m * tile.positions;
        if (plan.g.linear) {
            for (int64_t p = 0; p < tile.positions; p++) store_first(y + p * out + m, load(sums + p * VL) * scale + add, out - m);
            continue;
        }
        if (tile.positions == plane && plane <= 4) {  // a quarter of the whole transposition
            vf quad[4];
            for (int p = 0; p < 4; p++) quad[p] = p < plane ? load(sums + p * VL) * scale + add : add;
            transpose_quads(quad);
            T all[4][VL];
            for (int p = 0; p < 4; p++) store(all[p], quad[p]);
            for (int64_t l = 0; l < VL && m + l < out; l++) {
                const T *from = all[l % 4] + l / 4 * 4;
                if (plane == 4) memcpy(y + (m + l) * step, from, 4 * sizeof(T));
                else memcpy(y + (m + l) * step, from, plane * sizeof(T));
            }
            continue;
        }
        vf square[VL];
        for (int p = 0; p < VL; p++) square[p] = p < tile.positions ? load(sums + p * VL) * scale + add : add;
        transpose(square);
        for (int64_t l = 0; l < VL && m + l < out; l++) {
            if (tile.positions <= plane) {
                store_first(y + (m + l) * step, square[l], plane);
                continue;
            }
            T all[VL];
            store(all, square[l]);
            for (int64_t n = 0, p = 0; p < tile.positions; n++)
                for (int64_t k = 0; k < plane; k++, p++) y[(n * out + m + l) * step + k] = all[p];
        }
    }
}
