// Forward of a DeBut chain: all factors of a tile of positions in one go, no im2col, no array of all features.
#include "walk.h"

static Pool pool;

// Where the last group writes: the output itself if its lanes allow, else rows.
template <int V> static void set_sink(Tile &tile) {
    const Plan &plan = *tile.call->plan;
    const Geometry &g = plan.g;
    const Chain &chain = *plan.chain;
    Sink &sink = tile.sink;
    sink.bias = tile.call->packed + chain.bias;
    sink.y = tile.rows_out;
    sink.y_row = V * VL;
    sink.places.squeezed = false;
    for (int v = 0; v < V; v++) {
        sink.places.at[v] = v * VL;
        sink.places.count[v] = VL;
    }
    tile.scattered = true;
    if (plan.source == TRANSPOSED || g.dtype != FLOAT32 || chain.outputs != g.out_features) return;
    if (!MASKED_LANES && (plan.source != DIRECT || tile.first + V * VL > plan.positions)) return;
    tile.scattered = false;
    sink.y = (float *)tile.call->y + tile.image * g.out_features * plan.plane;
    sink.y_row = plan.plane;
    tile_places<V>(tile.first, plan.row, g.out_w, g.out_h, plan.positions, &sink.places);
}

template <class T> static void copy_image(const Plan &plan, const void *x, int64_t image, float *copy) {
    const T *from = (const T *)x + image * plan.g.x_image;
    for (int64_t c = 0; c < plan.g.features; c++)
        copy_channel(plan.planes, from + c * plan.g.x_channel, copy + c * plan.planes.channel);
    float *end = copy + plan.g.features * plan.planes.channel;
    memset(end, 0, (plan.copy_floats - plan.g.features * plan.planes.channel) * sizeof(float));
}

// The tensors' type matters at the edges only.
static void copy_any(const Plan &plan, const void *x, int64_t image, float *copy) {
    if (plan.g.dtype == FLOAT32) copy_image<float>(plan, x, image, copy);
    else if (plan.g.dtype == BFLOAT16) copy_image<bf16>(plan, x, image, copy);
    else copy_image<fp16>(plan, x, image, copy);
}
template <int V> static void gather_any(const Tile &tile, float *rows) {
    const Geometry &g = tile.call->plan->g;
    if (tile.call->plan->source != TRANSPOSED) gather_table<V>(tile, rows);
    else if (g.dtype == FLOAT32) gather_rows<V, float>(tile, rows);
    else if (g.dtype == BFLOAT16) gather_rows<V, bf16>(tile, rows);
    else gather_rows<V, fp16>(tile, rows);
}
template <int V> static void scatter_any(const Tile &tile, const float *rows) {
    const Geometry &g = tile.call->plan->g;
    if (g.dtype == FLOAT32) scatter<V, float>(tile, rows);
    else if (g.dtype == BFLOAT16) scatter<V, bf16>(tile, rows);
    else scatter<V, fp16>(tile, rows);
}

template <int V> static void run_tile(Tile &tile) {
    const Call &call = *tile.call;
    const Plan &plan = *call.plan;
    const Chain &chain = *plan.chain;
    const Geometry &g = plan.g;
    tile.masked = MASKED_LANES && plan.source == DIRECT && !plan.moves && tile_taps<V>(plan.planes, tile.first, tile.lanes);
    set_sink<V>(tile);
    if (plan.source == DIRECT) tile.base = (const float *)call.x + tile.image * g.x_image + tile.first;
    else tile.base = tile.copy + tile.first;
    const bool short_tile = !MASKED_LANES && plan.source == DIRECT && tile.first + V * VL > plan.positions;
    tile.gathered = chain.depth_first && (plan.source == TRANSPOSED || short_tile);
    if (tile.gathered) gather_any<V>(tile, tile.rows_in);
    if (chain.depth_first) {
        walk<V>(tile, chain.group_count - 1, 0, tile.sink, true);
    } else {
        float *rows = tile.buffers + chain.groups[0].buffer * V * VL;
        gather_any<V>(tile, rows);
        for (int64_t i = 0; i < chain.group_count; i++) {
            const Group &group = chain.groups[i];
            const bool last = i + 1 == chain.group_count;
            const float *in = tile.buffers + group.buffer * V * VL;
            for (int64_t b = 0; b < group.blocks; b++) {
                const int64_t first = b * group.r1 * group.t;
                Sink sink = tile.sink;
                sink.bias += first;
                sink.y += first * sink.y_row;
                if (!last) sink.rows = tile.buffers + (chain.groups[i + 1].buffer + first) * V * VL;
                const float *w = call.packed + group.weights + b * group.block_weights;
                const float *from = in + b * group.s1 * group.t * V * VL;
                if (last) group.last[V - 1](group, w, from, sink);
                else group.middle[V - 1](group, w, from, sink);
            }
        }
    }
    if (tile.scattered) scatter_any<V>(tile, tile.rows_out);
}

// Units are the tiles of all images: of two vectors each, and one of a single vector where an odd one is left.
static void run_units(Call &call, int64_t begin, int64_t end) {
    const Plan &plan = *call.plan;
    const Chain &chain = *plan.chain;
    const int64_t width = call.vectors * VL;
    const int64_t in = plan.chain->inputs + VL, out = chain.outputs;  // a transposed square may pass the last feature
    float *memory = arena(SCRATCH, ((chain.rows + in + out) * width + plan.copy_floats) * sizeof(float));
    if (!memory) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    Tile tile;
    tile.call = &call;
    tile.buffers = memory;
    tile.rows_in = memory + chain.rows * width;
    tile.rows_out = tile.rows_in + in * width;
    tile.copy = tile.rows_out + out * width;
    int64_t copied = -1;
    for (int64_t unit = begin; unit < end; unit++) {
        tile.image = unit / call.tiles;
        tile.first = unit % call.tiles * width;
        if (plan.source == COPIED && tile.image != copied) {
            copy_any(plan, call.x, tile.image, tile.copy);
            copied = tile.image;
        }
        if (call.vectors == 2 && plan.positions - tile.first > VL) run_tile<2>(tile);
        else run_tile<1>(tile);
    }
}

// In a file of its own.
void narrow_units(void *context, int64_t begin, int64_t end);

static inline int64_t narrow_tiles(const Plan &plan) { return (plan.g.images + plan.tile_images - 1) / plan.tile_images; }

// A layer's tiles, and after them those of what is left of its planes.
struct Calls {
    Call whole, rest;
    int64_t units;  // of the former
};

static void work(void *context, int64_t begin, int64_t end) {
    Calls &calls = *(Calls *)context;
    const int64_t units = calls.units;
    if (begin < units) run_units(calls.whole, begin, end < units ? end : units);
    if (end > units) narrow_units(&calls.rest, begin > units ? begin - units : 0, end - units);
}

// Packings: of positions in lanes, of features in lanes, both, one after the other, and either, as the weights allow.
enum Packing { WIDE = 0, NARROW = 1, BOTH = 2, EITHER = 3 };
static inline Packing packing_of(const Plan &plan) {
    return plan.rest ? BOTH : plan.plain ? EITHER : plan.narrow.head ? NARROW : WIDE;
}
// Before the weights of all but the first: whether those for features in lanes are in units.
enum { HEADER = VL };
static inline int64_t wide_floats(const Plan &plan) { return up_to(plan.chain->floats, VL); }

extern "C" {

int debut_interface() { return 1; }
int debut_vector_bytes() { return VL * 4; }
void debut_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// numbers: count, then (blocks, r, s, t) of each factor. Null if memory ran out.
void *debut_chain(const int64_t *numbers) { return chain_make(numbers); }
void debut_chain_free(void *chain) { chain_free((Chain *)chain); }
// numbers: a Geometry. The chain must outlive the plan. Null if memory ran out.
void *debut_plan(const void *chain, const int64_t *numbers) { return plan_make((const Chain *)chain, numbers, false); }
void debut_plan_free(void *plan) { plan_free((Plan *)plan); }

// Plans of one chain read one of three packings of the weights: this says which.
int64_t debut_packing(const void *plan_pointer) {
    return packing_of(*(const Plan *)plan_pointer);
}
int64_t debut_packed_floats(const void *plan_pointer) {
    const Plan &plan = *(const Plan *)plan_pointer;
    const Packing packing = packing_of(plan);
    if (packing == WIDE) return plan.chain->floats;
    if (packing == BOTH) return HEADER + wide_floats(plan) + narrow_floats(plan.rest->narrow, plan.rest->given);
    if (packing == EITHER) return HEADER + larger(plan.narrow.floats, plan.chain->floats);
    return HEADER + narrow_floats(plan.narrow, plan.given);
}
// weights: one pointer for each factor, float32, (blocks, r, s, t); bias: null or bias_count values.
void debut_pack(const void *plan_pointer, const float *const *weights, const float *bias, int64_t bias_count,
                float *packed) {
    const Plan &plan = *(const Plan *)plan_pointer;
    const Chain &chain = *plan.chain;
    const Packing packing = packing_of(plan);
    if (packing == WIDE) return chain_pack(chain, weights, bias, bias_count, packed);
    float *to = packed + HEADER;
    bool scaled;
    if (packing == BOTH) {
        chain_pack(chain, weights, bias, bias_count, to);
        const Plan &rest = *plan.rest;
        scaled = narrow_pack(chain, rest.narrow, rest.given, weights, bias, bias_count, to + wide_floats(plan));
    } else if (packing == EITHER) {
        scaled = narrow_pack_scaled(chain, plan.narrow, weights, bias, bias_count, to);
        if (!scaled) chain_pack(chain, weights, bias, bias_count, to);
    } else {
        scaled = narrow_pack(chain, plan.narrow, plan.given, weights, bias, bias_count, to);
    }
    packed[0] = scaled;
}

// y: (images, out features, plane) or (rows, out features), contiguous, of x's type. Returns 1 if memory ran out.
int debut_forward(const void *plan_pointer, const void *x, void *y, const float *packed, int threads) {
    const Plan *asked = (const Plan *)plan_pointer;
    if (asked->g.images == 0 || asked->plane <= 0) return 0;
    const bool header = packing_of(*asked) != WIDE, scaled = header && packed[0] != 0;
    const Plan &plan = asked->plain && !scaled ? *asked->plain : *asked;
    if (header) packed += HEADER;
    Call call = {};
    call.given = !scaled;
    call.plan = &plan;
    call.x = x;
    call.y = y;
    call.packed = packed;
    if (plan.narrow.head) {
        parallel_for(&pool, threads, narrow_tiles(plan), 1, narrow_units, &call);
        return call.failed;
    }
    // Two vectors halve the reading of weights; single ones share better among threads and hold less of the cache,
    // which transposed rows need.
    const int64_t vectors = (plan.positions + VL - 1) / VL;
    call.vectors = plan.source != TRANSPOSED && vectors > 1 && vectors * plan.g.images >= 4 * threads ? 2 : 1;
    call.tiles = (vectors + call.vectors - 1) / call.vectors;
    Calls calls = {call, call, call.tiles * plan.g.images};
    int64_t units = calls.units;
    if (plan.rest) {
        calls.rest.plan = plan.rest;
        calls.rest.x = (const float *)x + plan.rest_x;
        calls.rest.y = (float *)y + plan.rest_y;
        calls.rest.packed = packed + wide_floats(plan);
        units += narrow_tiles(*plan.rest);
    }
    // Whole images where they are copied: a copy serves all its tiles.
    const bool whole = plan.source == COPIED && plan.g.images >= 2 * threads;
    const int64_t grain = whole ? call.tiles : plan.source == COPIED ? (units + threads - 1) / threads : 1;
    parallel_for(&pool, threads, units, grain, work, &calls);
    return calls.whole.failed || calls.rest.failed;
}
}
