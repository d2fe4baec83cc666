// A layer on one shape of input: where every feature stands, and how the positions are cut into tiles.
#pragma once
#include "make.h"
#include "planes.h"

enum Source {
    DIRECT,      // planes read where they are: float32, contiguous, output as large as input, stride 1
    COPIED,      // a padded copy of each image's channels
    TRANSPOSED   // rows of features: a linear layer
};
enum Dtype { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

enum { BLOCKS_AHEAD = 4 };  // of the first factor: whose inputs are fetched while a block is computed

// Feature f at the tile's first position is base[offset]; `tap` says which lanes lie inside the plane.
struct Entry {
    int32_t offset, tap;
};

struct Geometry {
    int64_t linear, dtype, images, features, out_features, tap_order;
    int64_t height, width, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
    int64_t x_image, x_channel, x_row, x_column;  // elements; linear: images = 1, height = rows, x_row
};

struct Plan {
    const Chain *chain;
    Geometry g;
    Planes planes;
    Source source;
    int64_t taps, plane;   // positions of an output plane
    int64_t positions;     // to walk for each image, junk included
    int64_t row;           // positions between output rows
    Entry *entries;        // of every input feature; null if TRANSPOSED
    int64_t copy_floats;   // of the padded copy
    bool zero_channel;     // the chain takes more features than there are
};

static inline void plan_free(Plan *p) {
    if (!p) return;
    free(p->entries);
    free(p);
}

static inline Plan *plan_make(const Chain *chain, const int64_t *numbers) {
    Plan *p = (Plan *)calloc(1, sizeof(Plan));
    if (!p) return 0;
    p->chain = chain;
    p->g = *(const Geometry *)numbers;
    const Geometry &g = p->g;
    p->plane = g.out_h * g.out_w;
    p->taps = g.kernel_h * g.kernel_w;
    if (g.linear) {
        p->source = TRANSPOSED;
        p->positions = p->plane = g.height;
        p->row = g.height;
        return p;
    }
    const bool unpadded = p->taps == 1 && g.pad_h == 0 && g.pad_w == 0;
    const bool flat = g.stride_h == 1 && g.stride_w == 1 && g.out_h == g.height && g.out_w == g.width &&
                      g.x_column == 1 && g.x_row == g.width;
    p->zero_channel = chain->inputs > p->taps * g.features;
    p->source = flat && g.dtype == FLOAT32 && !p->zero_channel && (unpadded || MASKED_LANES) ? DIRECT : COPIED;
    Planes &s = p->planes;
    s.height = g.height, s.width = g.width, s.kernel_h = g.kernel_h, s.kernel_w = g.kernel_w;
    s.stride_h = g.stride_h, s.stride_w = g.stride_w, s.pad_h = g.pad_h, s.pad_w = g.pad_w;
    s.out_h = g.out_h, s.out_w = g.out_w;
    s.x_channel = g.x_channel, s.x_row = g.x_row, s.x_column = g.x_column;
    planes_lay_out(&s);
    p->positions = p->source == DIRECT ? p->plane : s.positions;
    p->row = p->source == DIRECT ? g.out_w : s.row;
    p->copy_floats = p->source == COPIED
                         ? planes_floats(s, g.features + p->zero_channel, MOST_VECTORS * VL) : 0;
    p->entries = (Entry *)calloc(chain->inputs + BLOCKS_AHEAD * chain->factors[0].s, sizeof(Entry));
    if (!p->entries) {
        plan_free(p);
        return 0;
    }
    const int64_t channels = chain->inputs / p->taps;
    for (int64_t f = 0; f < chain->inputs; f++) {
        const int64_t c = g.tap_order ? f % channels : f / p->taps, tap = g.tap_order ? f / channels : f % p->taps;
        const int64_t y = tap / g.kernel_w, x = tap % g.kernel_w;
        int64_t offset;
        if (p->source == DIRECT) offset = c * g.x_channel + (y - g.pad_h) * g.width + x - g.pad_w;
        else if (c < g.features) offset = c * s.channel + s.tap(y, x);
        else offset = g.features * s.channel;
        p->entries[f].offset = (int32_t)offset;
        p->entries[f].tap = (int32_t)tap;
    }
    return p;
}
