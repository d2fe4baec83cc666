// One call of a depthwise layer.
#pragma once
#include "../threads.h"
#include "masked.h"
#include "members.h"

enum Element { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

// As the caller fills it: all int64.
struct Layer {
    int64_t images, channels, height, width;  // of the input
    int64_t kernel, stride;                   // padding is kernel / 2
    int64_t member, element;
    int64_t channels_last;                    // memory order of input and output: (N, H, W, C) instead of (N, C, H, W)
    int64_t past_cache_bytes;                 // outputs beyond this many bytes are stored past the caches
};

struct Call {
    Layer g;
    const void *x;
    void *y;
    const float *w, *bias;      // (channels, kernel, kernel); (channels) or null
    int64_t rows_out, columns_out;
    bool past_cache, prefetch;
    int failed;                 // set to 1 by a thread that found no memory
};
