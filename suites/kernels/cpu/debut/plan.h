// A layer on one shape of input: where every feature stands, and how the positions are cut into tiles.
#pragma once
#include "make.h"
#include "narrow_chain.h"
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

enum { MOVED_TAPS = 9 };

// With features in lanes: an input of the first factor that lies inside the plane, and where it stands in the stage.
struct Reach {
    int32_t input, offset;
};

// Most positions with features in lanes.
enum { NARROW_POSITIONS = VL / 2 };
// And most pixels of the images they belong to, where the channels of one tap lie side by side: all are moved.
enum { MOST_COLUMN_PIXELS = 64 };

struct Plan {
    const Chain *chain;
    Geometry g;
    Planes planes;
    Source source;
    int64_t taps, plane;   // positions of an output plane
    int64_t y_plane;       // elements between output features
    int64_t positions;     // to walk for each image, junk included
    int64_t row;           // positions between output rows
    Entry *entries;        // of every input feature; null if TRANSPOSED
    int64_t copy_floats;   // of the padded copy
    bool zero_channel;     // the chain takes more features than there are
    bool moves;            // one vector holds a plane, and the taps of its channel are its lanes in these places, zero past VL
    int32_t places[MOVED_TAPS][VL];
    // With features in lanes:
    Narrow narrow, given;  // for weights in units, and for those that allow none: they differ in how these are packed
    int64_t tile_images, tile_positions;  // of a full tile
    bool columns;          // every position's features are laid out as a row, as a linear layer reads them
    bool two_by_two, four_by_four;  // planes for which the direct head has code of its own
    Reach *reach;          // null where positions are pixels
    int32_t *reach_begin;  // for each of the first factor's blocks in a head, for each position: a range of `reach`
    // The positions past the last whole vector of a plane, where they are few: a plan of features in lanes.
    Plan *rest;
    // The same with positions in lanes, where they are too many for weights that allow no units.
    Plan *plain;
    int64_t rest_x, rest_y;  // where they stand: elements from the start of an image, and of an output plane
};

struct Call {
    const Plan *plan;
    const void *x;
    void *y;
    const float *packed;
    bool given;              // features in lanes: of the second layout
    int64_t vectors, tiles;  // vectors of a tile, tiles of an image
    int failed;
};

static inline void plan_free(Plan *p) {
    if (!p) return;
    plan_free(p->rest);
    plan_free(p->plain);
    free(p->entries);
    free(p->reach);
    free(p->reach_begin);
    free(p);
}

// Features in lanes, where the positions are few and the chain allows it. False without memory.
static inline bool plan_narrow(Plan *p) {
    const Geometry &g = p->g;
    const bool same = g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 1 && g.stride_w == 1 && g.pad_h == 1 && g.pad_w == 1;
    p->two_by_two = same && g.height == 2 && g.width == 2;
    p->four_by_four = VL == 16 && same && g.height == 4 && g.width == 4;
    if ((p->plane > NARROW_POSITIONS && !p->four_by_four) || p->plane < 1) return true;
    p->columns = !g.linear && g.tap_order && p->taps > 1;
    if (p->columns && g.height * g.width > MOST_COLUMN_PIXELS) return true;
    const int64_t within = p->columns ? 1 : p->taps;
    p->narrow = narrow_make(*p->chain, within, false);
    if (p->plane <= NARROW_POSITIONS) p->given = narrow_make(*p->chain, within, true);
    else if (!p->narrow.direct) p->narrow = Narrow();
    const Narrow &n = p->narrow;
    if (!n.head) return true;
    const int64_t image = g.height * g.width, most = larger(NARROW_POSITIONS / p->plane, 1);
    p->tile_images = g.images < most ? g.images : most;
    p->tile_positions = p->tile_images * p->plane;
    if (g.linear || p->columns || (p->taps == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_h == 0 && g.pad_w == 0)) return true;
    const NarrowFactor &first = n.factors[0];
    const int64_t lists = first.blocks * p->tile_positions;
    p->reach = (Reach *)calloc(lists * first.s, sizeof(Reach));
    p->reach_begin = (int32_t *)calloc(lists + 1, sizeof(int32_t));
    if (!p->reach || !p->reach_begin) return false;
    int32_t count = 0;
    for (int64_t at = 0; at < lists; at++) {
        const int64_t position = at % p->tile_positions, y = position % p->plane / g.out_w, x = position % g.out_w;
        for (int64_t j = 0; j < first.s; j++) {
            const int64_t input = at / p->tile_positions * first.s + j, channel = input / p->taps, tap = input % p->taps;
            const int64_t h = y * g.stride_h + tap / g.kernel_w - g.pad_h, w = x * g.stride_w + tap % g.kernel_w - g.pad_w;
            if (h < 0 || h >= g.height || w < 0 || w >= g.width) continue;
            const int64_t pixel = position / p->plane * image + h * g.width + w;
            p->reach[count].input = (int32_t)j;
            p->reach[count++].offset = (int32_t)((n.direct ? pixel : channel * p->tile_images * image + pixel) * VL);
        }
        p->reach_begin[at + 1] = count;
    }
    return true;
}

// A plan for the positions past the last whole vector of a plane that is read where it is, if they are few, stand in its
// last row and the chain's head needs no transposition: a layer of its own, whose input is the last corner of each channel
// and whose taps below and to the right of it lie outside. False without memory.
static inline bool plan_rest(Plan *p) {
    const Geometry &g = p->g;
    const int64_t count = p->plane % VL;
    if (p->source != DIRECT || p->plane < VL || count < 1 || count > NARROW_POSITIONS) return true;
    if (count + g.pad_w > g.width || g.pad_h >= g.height) return true;
    Plan *rest = (Plan *)calloc(1, sizeof(Plan));
    if (!rest) return false;
    rest->chain = p->chain;
    rest->g = g;
    rest->g.height = g.pad_h + 1, rest->g.width = g.pad_w + count;
    rest->g.out_h = 1, rest->g.out_w = rest->plane = count;
    rest->g.pad_h = rest->g.pad_w = 0;
    rest->taps = p->taps;
    rest->y_plane = p->plane;
    p->rest = rest;  // freed with p
    if (!plan_narrow(rest)) return false;
    if (!rest->narrow.direct) {
        plan_free(rest);
        p->rest = 0;
        return true;
    }
    p->rest_x = (g.height - rest->g.height) * g.x_row + g.width - rest->g.width;
    p->rest_y = p->plane - count;
    p->positions -= count;
    return true;
}

// Whether a tile's first factor moves lanes, and where from.
static inline void plan_moves(Plan *p) {
    const Geometry &g = p->g;
    p->moves = MASKED_LANES && p->source == DIRECT && p->plane <= VL && g.kernel_h == 3 && g.kernel_w == 3 && !g.tap_order &&
               p->chain->depth_first && p->chain->factors[0].s == MOVED_TAPS;
    for (int tap = 0; tap < (p->moves ? MOVED_TAPS : 0); tap++)
        for (int l = 0; l < VL; l++) {
            const int64_t y = l / g.width + tap / 3 - g.pad_h, x = l % g.width + tap % 3 - g.pad_w;
            const bool inside = y >= 0 && y < g.height && x >= 0 && x < g.width;
            p->places[tap][l] = inside ? (int32_t)(y * g.width + x) : (int32_t)VL;
        }
}

static inline Plan *plan_make(const Chain *chain, const int64_t *numbers, bool plain);
static inline bool plan_plain(Plan *p, const int64_t *numbers) {
    p->plain = plan_make(p->chain, numbers, true);
    return p->plain != 0;
}

// plain: with positions in lanes only.
static inline Plan *plan_make(const Chain *chain, const int64_t *numbers, bool plain) {
    Plan *p = (Plan *)calloc(1, sizeof(Plan));
    if (!p) return 0;
    p->chain = chain;
    p->g = *(const Geometry *)numbers;
    const Geometry &g = p->g;
    p->plane = p->y_plane = g.out_h * g.out_w;
    p->taps = g.kernel_h * g.kernel_w;
    if (!plain && (!plan_narrow(p) || (p->narrow.head && p->plane > NARROW_POSITIONS && !plan_plain(p, numbers)))) {
        plan_free(p);
        return 0;
    }
    if (p->narrow.head) return p;
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
    plan_moves(p);
    if (!p->entries || (!plain && !plan_rest(p))) {
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
