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

struct Call {
    Layer g;
    const void *x;
    void *y;
    const float *w, *bias;      // (channels, kernel, kernel); (channels) or null
    float scale;                // of all terms, not of the bias
    int64_t rows_out, columns_out;
    bool past_cache, prefetch;
    int failed;                 // set to 1 by a thread that found no memory
};

// The work on a range of planes, and on one of pairs of VL channels and an image: each a unit of its own to compile.
Work rows_of(int64_t member);
Work channels_of(int64_t member, int64_t element);
