// 3x3, stride 1, float32, planes not much narrower than a vector: a vector is a piece of a row.
#pragma once
#include "layer.h"

static const int64_t STRIP = SHORTEST_COLUMN;  // rows of outputs done together
static const float NO_ROW[VL + 2] = {0};

// Which lanes of a piece's loads lie within the row; a piece inside needs none of it, one that fills its vector
// only those of the columns to its left and right.
enum Piece { INSIDE, AT_EDGE, NARROW };
struct Within {
    Lanes left, centre, right;
};

// Output columns `from` and on of a strip, from its rows of inputs (null: a row of zeros). Each loaded vector
// serves up to three rows.
template <class M, Piece PIECE>
static INLINE void rows_tile(const float *const *rows, float *y, int64_t width, int64_t from, const Within &within,
                             const vf *constants, vf bias, bool past, vf &finite) {
    vf sum[STRIP];
    Each<STRIP>::run([&](int r) UNROLLED { sum[r] = bias; });
    Each<STRIP + 2>::run([&](int i) UNROLLED {
        const float *p = rows[i] ? rows[i] + from : NO_ROW + 1;
        Each<3>::run([&](int j) UNROLLED {
            const Lanes lanes = j == 0 ? within.left : j == 1 ? within.centre : within.right;
            const bool whole = PIECE == INSIDE || (PIECE == AT_EDGE && j == 1);
            const vf x = whole ? load(p + j - 1) : load_lanes(p + j - 1, lanes);
            if (M::FAST && j == 1 && i > 0 && i <= STRIP) finite += finite_is_zero(x);
            vf s[M::SHARED];
            M::share(x, s);
            Each<STRIP>::run([&](int r) UNROLLED {
                const int row = i - r;
                if (row >= 0 && row < 3) sum[r] = M::tap(sum[r], s, constants + (row * 3 + j) * M::PARTS);
            });
        });
    });
    Each<STRIP>::run([&](int r) UNROLLED {
        float *to = y + r * width + from;
        if (PIECE == NARROW) store_lanes(to, sum[r], within.centre);
        else if (past) store_past_cache(to, sum[r]);
        else store(to, sum[r]);
    });
}

static INLINE Within within_row(int64_t from, int64_t width) {
    return Within{lanes_between(from == 0, width - from + 1), lanes_between(0, width - from),
                  lanes_between(0, width - from - 1)};
}

// One plane of at least STRIP rows. Returns false where a FAST member met an infinity or a NaN: another has to do it.
template <class M>
static NOINLINE bool rows_plane(const Call &call, const float *x, float *y, const float *table, float bias_value, bool ahead) {
    const int64_t height = call.g.height, width = call.g.width;
    const int64_t last = width > VL ? width - VL : 0;  // the last piece ends with the row, over the one before
    const Within first_piece = within_row(0, width), last_piece = within_row(last, width);
    const bool past = call.past_cache;
    vf constants[9 * M::PARTS], finite = zero();
    Each<9 * M::PARTS>::run([&](int k) UNROLLED { constants[k] = splat(table[k]); });
    const vf bias = splat(bias_value);
    for (int64_t next = 0; next < height; next += STRIP) {
        const int64_t i = next + STRIP > height ? height - STRIP : next;  // and the last strip with the plane
        const float *rows[STRIP + 2];
        for (int64_t k = 0; k < STRIP + 2; k++)
            rows[k] = i + k > 0 && i + k <= height ? x + (i + k - 1) * width : 0;
        if (ahead)
            for (const float *p = x + (height + i) * width, *end = p + STRIP * width; p < end; p += 16)
                __builtin_prefetch(p, 0, 2);
        float *to = y + i * width;
        if (width < VL) {
            rows_tile<M, NARROW>(rows, to, width, 0, first_piece, constants, bias, past, finite);
            continue;
        }
        rows_tile<M, AT_EDGE>(rows, to, width, 0, first_piece, constants, bias, past, finite);
        for (int64_t from = VL; from < last; from += VL)
            rows_tile<M, INSIDE>(rows, to, width, from, first_piece, constants, bias, past, finite);
        if (last) rows_tile<M, AT_EDGE>(rows, to, width, last, last_piece, constants, bias, past, finite);
    }
    return !M::FAST || !any_nan(finite);
}

template <class M, class SLOW> static void rows_work(void *context, int64_t begin, int64_t end) {
    const Call &call = *(const Call *)context;
    const int64_t plane = call.g.height * call.g.width, planes = call.g.images * call.g.channels;
    for (int64_t p = begin; p < end; p++) {
        const int64_t channel = p % call.g.channels;
        const float *x = (const float *)call.x + p * plane, *table = call.packed.constants + channel * 9 * M::PARTS;
        float *y = (float *)call.y + p * plane;
        const float bias = call.packed.bias[channel];
        if (!rows_plane<M>(call, x, y, table, bias, call.prefetch && p + 1 < planes) && M::FAST)
            rows_plane<SLOW>(call, x, y, table, bias, false);
    }
    if (call.past_cache) fence_stores();
}
