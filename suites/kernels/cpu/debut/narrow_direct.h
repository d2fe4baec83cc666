// The head of a chain whose first factor has one channel's taps for each block, made where its outputs belong: a vector
// is VL outputs that follow each other, of one channel or, in halves that the second factor mixes, of two. An input is
// broadcast over its channel's lanes, so nothing is transposed, and taps outside the plane cost nothing.
#pragma once
#include "narrow_chain.h"
#include "plan.h"
#include "stages.h"

struct UpperHalf {
    static constexpr int of(int l) { return l < VL / 2 ? 0 : -1; }
};

// The value of the row's channel, or of its two in halves.
template <bool HALVES> static INLINE vf direct_value(const float *p, int64_t pixels) {
    if (!HALVES) return splat(*p);
    return lanes_by<UpperHalf>() ? splat(p[pixels]) : splat(*p);
}

// The second factor where there is one: `w` has its weights for the sums of the other half; `given`: then those of the own.
template <bool HALVES> static INLINE vf direct_mix(const float *w, vf sum, bool given) {
    if (!HALVES) return sum;
    const vf own = given ? load(w + VL) * sum : sum;
    return own + load(w) * Swap<VL / 2>::of(sum);
}

// One row of outputs for one image of H x W pixels, kernel 3x3, padding and stride 1: `in` are its channel's pixels, those
// of the next channel `pixels` further on.
template <bool HALVES, bool GIVEN, int H, int W>
static INLINE void direct_plane(const float *w, const float *in, int64_t pixels, float *out) {
    vf value[H * W], weight[9];
    Each<H * W>::run([&](int q) UNROLLED { value[q] = direct_value<HALVES>(in + q, pixels); });
    Each<9>::run([&](int tap) UNROLLED { weight[tap] = H * W > 4 ? load_row(w + tap * VL) : load(w + tap * VL); });
    Each<H * W>::run([&](int p) UNROLLED {
        const int y = p / W, x = p % W;
        vf sum = GIVEN ? weight[4] * value[p] : value[p];  // the middle tap's weight is 1
        Each<9>::run([&](int tap) UNROLLED {
            const int h = y + tap / 3 - 1, v = x + tap % 3 - 1;
            if (tap != 4 && h >= 0 && h < H && v >= 0 && v < W) sum += weight[tap] * value[h * W + v];
        });
        store(out + p * VL, direct_mix<HALVES>(w + 9 * VL, sum, GIVEN));
    });
}

// The same for any layer, by the plan's lists; `values` has room for a vector for each pixel.
template <bool HALVES>
static INLINE void direct_listed(const Plan &plan, bool given, const float *w, const float *in, int64_t pixels, float *values,
                                 float *out, int64_t positions) {
    for (int64_t q = 0; q < pixels; q++) store(values + q * VL, direct_value<HALVES>(in + q, pixels));
    for (int64_t p = 0; p < positions; p++) {
        vf sum = {};
        for (int64_t n = plan.reach_begin[p]; n < plan.reach_begin[p + 1]; n++)
            sum += load(w + plan.reach[n].input * VL) * load(values + plan.reach[n].offset);
        store(out + p * VL, direct_mix<HALVES>(w + plan.taps * VL, sum, given));
    }
}

// `count` rows of the head's outputs.
template <bool HALVES>
static NOINLINE void direct_rows(const Plan &plan, const Narrow &n, const float *weights, const float *stage, int64_t pixels,
                                 float *values, float *out, int64_t positions, int64_t first, int64_t count) {
    const int64_t r = plan.chain->factors[0].r;
    for (int64_t row = first; row < first + count; row++, out += positions * VL) {
        const float *w = weights + row * n.group_weights, *in = stage + row * VL / r * pixels;
        if (plan.two_by_two && n.given)
            for (int64_t p = 0; p < pixels; p += 4) direct_plane<HALVES, true, 2, 2>(w, in + p, pixels, out + p * VL);
        else if (plan.two_by_two)
            for (int64_t p = 0; p < pixels; p += 4) direct_plane<HALVES, false, 2, 2>(w, in + p, pixels, out + p * VL);
        else if (VL == 16 && plan.four_by_four)  // whose plan has positions in lanes for weights as given
            for (int64_t p = 0; p < pixels; p += 16) direct_plane<HALVES, false, 4, 4>(w, in + p, pixels, out + p * VL);
        else direct_listed<HALVES>(plan, n.given, w, in, pixels, values, out, positions);
    }
}

static INLINE float number(float x) { return x; }
template <class T> static INLINE float number(const T &x) { return load_first(&x, 1)[0]; }

// The channels of the tile's images, [channel][pixel of all images].
template <class T> static void direct_fill(const Plan &plan, const T *x, int64_t images, float *stage) {
    const Geometry &g = plan.g;
    const int64_t channels = plan.chain->factors[0].blocks;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t n = 0; n < images; n++)
            for (int64_t h = 0; h < g.height; h++) {
                const T *from = x + n * g.x_image + c * g.x_channel + h * g.x_row;
                for (int64_t w = 0; w < g.width; w++, from += g.x_column) *stage++ = c < g.features ? number(*from) : 0;
            }
}
static inline const float *direct_stage(const Plan &plan, const float *x, int64_t images, float *stage) {
    const Geometry &g = plan.g;
    const int64_t image = g.height * g.width;
    if (images == 1 && g.x_column == 1 && g.x_row == g.width && g.x_channel == image && g.features == plan.chain->factors[0].blocks)
        return x;  // as it should be already
    direct_fill(plan, x, images, stage);
    return stage;
}
template <class T> static const float *direct_stage(const Plan &plan, const T *x, int64_t images, float *stage) {
    direct_fill(plan, x, images, stage);
    return stage;
}
