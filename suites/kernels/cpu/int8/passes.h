// The passes of one tile: up to 64 pixels of every channel, as words in scratch.
//
// Channel (or coefficient) `row << first_bits | low` lies in block `low`, row `row`: the first pass joins the channels
// of a group, which are neighbours in memory, all others stay within a block, which the first cache holds.
#pragma once
#include "words.h"

enum { TILE = 64, CORE = 8, BLOCK_PAD = 64 };
enum Nonlinearity { SMOOTH = 0, SOFT = 1 };

// As the caller fills it, all int64: the shape, `Stages` and `Constants` of int8_plan.py.
struct Layer {
    int64_t images, channels, out_channels, pixels, nonlinearity;
    int64_t size, first_bits, middle_bits, forward_shift, core_shift, middle_shift, last_shift;
    int64_t flip, pad, offset, before, even, odd, zero, piece_bits;
};

struct Tables {
    const int16_t *thresholds;       // in the order of the core
    const int16_t *starts, *rises;   // of tanh's pieces
};

// Where a tile lies in scratch: blocks of rows of `columns` vectors.
struct Scratch {
    int16_t *words;
    int64_t columns, row, block;  // row and block in words
};

// A product for even and one for odd pixels; and those that divide by 2^shift, with halves away from zero at even pixels
// and towards it at odd ones (AWAY) or the other way round (TOWARDS). Passes take turns, or the two would add up.
enum Halves { TOWARDS = -1, AWAY = 1 };
static INLINE vw halves(int even, int odd) {
    vw v = {};
    for (int l = 0; l < LANES; l++) v[l] = (int16_t)(l & 1 ? odd : even);
    return v;
}
static INLINE vw divisor(int64_t shift, Halves even) {
    return halves((1 << (15 - shift)) + even, (1 << (15 - shift)) - even);
}

// Never beyond 16 bits: int8_plan.py tells why. (Sums that saturate take twice as long on some processors.)
template <int R> struct WordButterfly {
    static INLINE void run(vw *v) {
        WordButterfly<R / 2>::run(v);
        WordButterfly<R / 2>::run(v + R / 2);
        Each<R / 2>::run([v](int i) UNROLLED {
            const vw a = v[i], b = v[i + R / 2];
            v[i] = (vw)((vwu)a + (vwu)b);
            v[i + R / 2] = (vw)((vwu)a - (vwu)b);
        });
    }
};
template <> struct WordButterfly<1> {
    static INLINE void run(vw *) {}
};

// From the input to scratch, over the channels of each group. `x`: the tile's pixels of channel 0, channels lie
// `g.pixels` apart; `pad`: TILE stored zeros, which stand for the channels that are missing.
template <int R>
static NOINLINE void first_pass(const Layer &g, const uint8_t *x, int64_t width, const uint8_t *pad, const Scratch &s) {
    const uint8_t flip = (uint8_t)g.flip;
    for (int64_t group = 0; group < g.size / R; group++) {
        const uint8_t *p[R];
        Each<R>::run([&](int j) UNROLLED {
            p[j] = group * R + j < g.channels ? x + (group * R + j) * g.pixels : pad;
        });
        int16_t *to = s.words + group * s.row;
        for (int64_t c = 0; c < s.columns; c++, to += LANES) {
            vw v[R];
            const int64_t at = c * LANES;
            if (width - at >= LANES) Each<R>::run([&](int j) UNROLLED { v[j] = widen_bytes(p[j] + at, flip); });
            else Each<R>::run([&](int j) UNROLLED { v[j] = widen_first(p[j] + at, width - at, flip); });
            WordButterfly<R>::run(v);
            Each<R>::run([&](int j) UNROLLED { store_words(to + j * s.block, v[j]); });
        }
    }
}

// From scratch to the output, the same the other way round, with the last rounding.
template <int R, bool SHIFT>
static NOINLINE void last_pass(const Layer &g, const Scratch &s, int64_t width, uint8_t *y) {
    const uint8_t flip = (uint8_t)g.flip;
    const vw divide = divisor(g.last_shift, TOWARDS), before = splat_word((int)g.before), zero = splat_word((int)g.zero);
    const vw last = halves((int)g.even, (int)g.odd);
    uint8_t nowhere[TILE];
    for (int64_t group = 0; group * R < g.out_channels; group++) {
        uint8_t *p[R];
        Each<R>::run([&](int j) UNROLLED {
            p[j] = group * R + j < g.out_channels ? y + (group * R + j) * g.pixels : nowhere;
        });
        const int16_t *from = s.words + group * s.row;
        for (int64_t c = 0; c < s.columns; c++, from += LANES) {
            vw v[R];
            Each<R>::run([&](int j) UNROLLED {
                v[j] = load_words(from + j * s.block);
                if (SHIFT) v[j] = product(v[j], divide);
            });
            WordButterfly<R>::run(v);
            Each<R>::run([&](int j) UNROLLED { v[j] = add(product(add(v[j], before), last), zero); });
            const int64_t at = c * LANES;
            if (width - at >= LANES) Each<R>::run([&](int j) UNROLLED { narrow_words(p[j] + at, v[j], flip); });
            else Each<R>::run([&](int j) UNROLLED { narrow_first(p[j] + at, v[j], width - at, flip); });
        }
    }
}

// Within a block, over rows CORE apart. SHIFT: the inverse's, with a rounding before it.
template <int R, bool SHIFT>
static NOINLINE void middle_pass(int16_t *block, int64_t row, int64_t shift) {
    const vw divide = divisor(shift, AWAY);
    for (int64_t at = 0; at < CORE * row; at += LANES) {
        vw v[R];
        Each<R>::run([&](int j) UNROLLED {
            v[j] = load_words(block + j * CORE * row + at);
            if (SHIFT) v[j] = product(v[j], divide);
        });
        WordButterfly<R>::run(v);
        Each<R>::run([&](int j) UNROLLED { store_words(block + j * CORE * row + at, v[j]); });
    }
}

// u = tanh(v) max(|v| - T, 0) or sgn(v) max(|v| - T, 0).
template <int KIND> struct Threshold;
template <> struct Threshold<SOFT> {
    INLINE Threshold(const Tables &, int64_t) {}
    INLINE vw operator()(vw v, vw limit) const { return v - least(most(v, -limit), limit); }
};
template <> struct Threshold<SMOOTH> {
    const Words starts, rises;
    const int bits;
    const vw end;
    INLINE Threshold(const Tables &t, int64_t piece_bits)
        : starts(t.starts), rises(t.rises), bits((int)piece_bits), end(splat_word((PIECES << piece_bits) - 1)) {}
    INLINE vw operator()(vw v, vw limit) const {
        const vw size = most(v, subtract((vw){}, v)), near = least(size, end), piece = right(near, bits);
        const vw tanh = starts[piece] + high_product(left(near, 16 - bits), rises[piece]);
        return signed_as(product(above(size, limit), tanh), v);
    }
};

// Both transforms' innermost stages with the nonlinearity between them, for the rows of one block.
template <int KIND, bool FORWARD_SHIFT, bool SHIFT>
static NOINLINE void core_pass(const Layer &g, const Tables &t, int16_t *block, const Scratch &s, int64_t low) {
    const Threshold<KIND> nonlinear(t, g.piece_bits);
    const vw divide_forward = divisor(g.forward_shift, AWAY), divide = divisor(g.core_shift, TOWARDS);
    const vw offset = splat_word((int)g.offset), lowest = splat_word(-32768 >> g.forward_shift);
    const bool limited = g.first_bits + g.middle_bits == 8;  // only there a value of -2^15 may come up
    const int64_t rows = g.size >> g.first_bits;
    const int16_t *limits = t.thresholds + low * rows;
    for (int64_t row = 0; row < rows; row += CORE, limits += CORE, block += CORE * s.row) {
        const bool hidden = low == 0 && row == 0 && g.offset != 0;  // coefficient 0, less what the zero points are of it
        for (int64_t c = 0; c < s.columns; c++) {
            vw v[CORE];
            Each<CORE>::run([&](int j) UNROLLED {
                v[j] = load_words(block + j * s.row + c * LANES);
                if (FORWARD_SHIFT) v[j] = product(v[j], divide_forward);
            });
            if (FORWARD_SHIFT && limited) Each<CORE>::run([&](int j) UNROLLED { v[j] = most(v[j], lowest); });
            WordButterfly<CORE>::run(v);
            const vw given = v[0];
            if (hidden) v[0] = add(given, offset);
            const vw whole = v[0];
            Each<CORE>::run([&](int j) UNROLLED { v[j] = nonlinear(v[j], splat_word(limits[j])); });
            if (hidden) v[0] = subtract(given, subtract(whole, v[0]));
            if (SHIFT) Each<CORE>::run([&](int j) UNROLLED { v[j] = product(v[j], divide); });
            WordButterfly<CORE>::run(v);
            Each<CORE>::run([&](int j) UNROLLED { store_words(block + j * s.row + c * LANES, v[j]); });
        }
    }
}
