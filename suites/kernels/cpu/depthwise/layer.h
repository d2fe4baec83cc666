// One call of a depthwise layer.
#pragma once
#include "members.h"
#include "threads.h"
#include "within.h"

enum Element { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

// As the caller fills it: all int64.
struct Layer {
    int64_t images, channels, height, width;  // of the input
    int64_t kernel, stride;                   // padding is kernel / 2
    int64_t member, element;
    int64_t channels_last;                    // memory order of input and output: (N, H, W, C) instead of (N, C, H, W)
    int64_t past_cache_bytes;                 // outputs beyond this many bytes are stored past the caches
};

// Planes this narrow leave too much of a vector empty, those with fewer rows are no strip: they go by channels.
enum { NARROWEST_ROW = VL / 2 + 1, SHORTEST_COLUMN = 4 };

// What the kernels read of a layer: made once by depthwise_pack. By rows the constants are [channel][tap][PARTS], else
// [VL channels][tap][PARTS][VL].
struct Packed {
    const float *bias;       // of each channel, whole vectors, zeros without one
    const float *tainted;    // of each VL channels: not 0 if one of the constants is no finite number
    const float *constants;
};

struct Call {
    Layer g;
    const void *x;
    void *y;
    Packed packed;
    int64_t rows_out, columns_out;
    bool past_cache, prefetch;
    int failed;                 // set to 1 by a thread that found no memory
};

static inline int64_t groups_of(const Layer &g) { return (g.channels + VL - 1) / VL; }

// Whether pieces of rows are the vectors, not pixels of VL channels: either has its own order of the constants.
static inline bool goes_by_rows(const Layer &g) {
    return g.kernel == 3 && g.stride == 1 && g.element == FLOAT32 && !g.channels_last && g.width >= NARROWEST_ROW
           && g.height >= SHORTEST_COLUMN;
}

enum { BAND_BYTES = 24 << 10, WHOLE_BAND_BYTES = 384L << 10 };

// Output rows of a band: what fits the first cache as a padded copy and, channels-last, where the rows of a band hold
// all channels, the second one as it is.
static inline int64_t rows_of_band(const Call &call, int64_t shared, int64_t *rows_in, int64_t *row_pixels) {
    const Layer &g = call.g;
    *row_pixels = g.width + g.kernel - 1;
    const int64_t row_bytes = *row_pixels * shared * VL * 4, whole_row = g.width * g.channels * 4;
    int64_t most = BAND_BYTES / row_bytes;
    if (g.channels_last && WHOLE_BAND_BYTES / whole_row < most) most = WHOLE_BAND_BYTES / whole_row;
    int64_t rows = (most - g.kernel) / g.stride + 1;
    if (rows < 1) rows = 1;
    if (rows > call.rows_out) rows = call.rows_out;
    *rows_in = (rows - 1) * g.stride + g.kernel;
    return rows;
}

// The work on a range of planes, and on one of the units of channels_work: each a unit of its own to compile.
Work rows_of(int64_t member);
Work channels_of(int64_t member, int64_t element);
