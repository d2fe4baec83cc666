// Forward of a frozen heterogeneous convolution: a direct convolution over the blocks of weights that were kept.
//
// A block is a group of outputs x a run of input channels x one tap. The sums of a tile stay in registers over all
// blocks of their outputs, so that every output is written once and what was not kept costs nothing.
#include <stdlib.h>

#include "threads.h"
#include "tiles.h"

#if defined(__AVX512F__) || defined(__aarch64__)
enum { PART = 8, WIDTH = 3, MOST_PIXELS = 28 };  // of 32 registers
#else
enum { PART = 4, WIDTH = 2, MOST_PIXELS = 12 };  // of 16
#endif

// ROWS: PART outputs x up to WIDTH vectors of pixels. LANES: VL outputs in lanes x up to MOST_PIXELS pixels.
enum Shape { ROWS = 0, LANES = 1 };
enum Dtype { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

static Pool pool;

struct Geometry {
    int64_t dtype, images, in_channels, out_channels, group_out, groups, shape;
    int64_t height, width, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
    int64_t x_image, x_channel, x_row, x_column;  // elements
};

struct Block {
    int64_t first, inputs, row, column;  // input channels and tap
};

struct Plan {
    Geometry g;
    Planes planes;
    bool direct;            // planes are read where they are, by masks
    int64_t positions, row; // flat positions of a plane, junk included; positions between output rows
    int64_t part, parts;    // outputs of a part, parts of a group
    int64_t tile, tiles;    // positions of a tile, tiles of a plane
    int64_t copy_floats, channel, bias;
    Block *blocks;
    int64_t *begin, *weights, *offsets;  // of each group its first block and weight, of each block its first input
};

struct Call {
    const Plan *plan;
    const void *x;
    void *y;
    const float *packed;
    float *copy;
    int64_t image;
};

static void plan_free(Plan *p) {
    if (!p) return;
    free(p->blocks);
    free(p->begin);
    free(p->weights);
    free(p->offsets);
    free(p);
}

static Plan *plan_make(const int64_t *numbers, const int64_t *begin, const int64_t *blocks) {
    Plan *p = (Plan *)calloc(1, sizeof(Plan));
    if (!p) return 0;
    p->g = *(const Geometry *)numbers;
    const Geometry &g = p->g;
    Planes &s = p->planes;
    s.height = g.height, s.width = g.width, s.kernel_h = g.kernel_h, s.kernel_w = g.kernel_w;
    s.stride_h = g.stride_h, s.stride_w = g.stride_w, s.pad_h = g.pad_h, s.pad_w = g.pad_w;
    s.out_h = g.out_h, s.out_w = g.out_w;
    s.x_channel = g.x_channel, s.x_row = g.x_row, s.x_column = g.x_column;
    planes_lay_out(&s);
    s.channel += 2 * VL;  // channels are copied by several threads: none may write into another's
    p->direct = MASKED_LANES && g.shape == ROWS && g.dtype == FLOAT32 && g.stride_h == 1 && g.stride_w == 1 &&
                g.out_h == g.height && g.out_w == g.width && g.x_column == 1 && g.x_row == g.width &&
                g.kernel_h * g.kernel_w <= MOST_TAPS;
    p->positions = p->direct ? g.out_h * g.out_w : s.positions;
    p->row = p->direct ? g.out_w : s.row;
    p->channel = p->direct ? g.x_channel : s.channel;
    p->copy_floats = p->direct ? 0 : planes_floats(s, g.in_channels, larger(WIDTH * VL, MOST_PIXELS));
    p->part = g.shape == ROWS ? (int64_t)PART : (int64_t)VL;
    p->parts = (g.group_out + p->part - 1) / p->part;
    p->tile = g.shape == ROWS ? (int64_t)WIDTH * VL : (int64_t)MOST_PIXELS;
    p->tiles = (p->positions + p->tile - 1) / p->tile;
    const int64_t count = begin[g.groups];
    p->blocks = (Block *)malloc((count + 1) * sizeof(Block));
    p->offsets = (int64_t *)malloc((count + 1) * sizeof(int64_t));
    p->begin = (int64_t *)malloc((g.groups + 1) * sizeof(int64_t));
    p->weights = (int64_t *)malloc((g.groups + 1) * sizeof(int64_t));
    if (!p->blocks || !p->offsets || !p->begin || !p->weights) {
        plan_free(p);
        return 0;
    }
    for (int64_t i = 0; i <= g.groups; i++) p->begin[i] = begin[i];
    for (int64_t i = 0; i < count; i++) {
        const Block b = p->blocks[i] = ((const Block *)blocks)[i];
        p->offsets[i] = b.first * p->channel + (p->direct ? (b.row - g.pad_h) * g.width + b.column - g.pad_w
                                                          : s.tap(b.row, b.column));
    }
    for (int64_t i = 0; i < g.groups; i++) {
        p->weights[i] = p->bias;
        for (int64_t b = begin[i]; b < begin[i + 1]; b++) p->bias += p->blocks[b].inputs * p->part * p->parts;
    }
    p->weights[g.groups] = p->bias;
    return p;
}

// Where a part's weights and bias stand, and its outputs.
struct Part {
    const float *weights, *bias;
    int64_t group, output, outputs;
};

static INLINE Part part_of(const Call &call, int64_t group, int64_t number) {
    const Plan &plan = *call.plan;
    Part part;
    part.group = group;
    part.weights = call.packed + plan.weights[group] +
                   number * (plan.weights[group + 1] - plan.weights[group]) / plan.parts;
    part.bias = call.packed + plan.bias + (group * plan.parts + number) * plan.part;
    part.output = group * plan.g.group_out + number * plan.part;
    const int64_t end = (group + 1) * plan.g.group_out;
    const int64_t last = end < plan.g.out_channels ? end : plan.g.out_channels;
    part.outputs = last - part.output < plan.part ? larger(last - part.output, 0) : plan.part;
    return part;
}

// `length` pixels of a part's outputs into the output tensor, whatever its type.
static NOINLINE void put_rows(const Call &call, const Part &part, const float *rows, int64_t step, int64_t first,
                              int64_t length) {
    const Plan &plan = *call.plan;
    const Geometry &g = plan.g;
    const int64_t at = (call.image * g.out_channels + part.output) * g.out_h * g.out_w;
    if (g.dtype == FLOAT32)
        scatter_rows(rows, step, part.outputs, first, length, plan.row, g.out_w, g.out_h, (float *)call.y + at);
    else if (g.dtype == BFLOAT16)
        scatter_rows(rows, step, part.outputs, first, length, plan.row, g.out_w, g.out_h, (bf16 *)call.y + at);
    else
        scatter_rows(rows, step, part.outputs, first, length, plan.row, g.out_w, g.out_h, (fp16 *)call.y + at);
}

// PART outputs of V vectors of pixels, first held in `sum`.
template <int V, bool MASKED>
static INLINE void add_blocks(const Plan &plan, const Part &part, const float *base, const Lanes (*lanes)[WIDTH],
                              vf (*sum)[V]) {
    const float *w = part.weights;
    const int64_t channel = plan.channel;
    for (int64_t b = plan.begin[part.group]; b < plan.begin[part.group + 1]; b++) {
        const float *x = base + plan.offsets[b];
        const Block block = plan.blocks[b];
        Lanes wanted[V] = {};
        if (MASKED) Each<V>::run([&](int v) UNROLLED { wanted[v] = lanes[block.row * plan.g.kernel_w + block.column][v]; });
        for (int64_t c = 0; c < block.inputs; c++) {
            vf value[V];
            Each<V>::run([&](int v) UNROLLED {
#if MASKED_LANES
                if (MASKED) value[v] = load_lanes(x + v * VL, wanted[v]);
                else value[v] = load(x + v * VL);
#else
                value[v] = load(x + v * VL);
#endif
#if defined(VECTOR_REGISTER)
                __asm__("" : "+" VECTOR_REGISTER(value[v]));  // or it is read again for every output
#endif
            });
            Each<PART>::run([&](int o) UNROLLED {
                vf weight = splat(w[o]);
                Each<V>::run([&](int v) UNROLLED { sum[o][v] += weight * value[v]; });
            });
            w += PART;
            x += channel;
        }
    }
}

template <int V>
static NOINLINE void rows_tile(const Call &call, const Part &part, int64_t first, const Lanes (*lanes)[WIDTH], bool masked,
                               const Places<WIDTH> &places) {
    const Plan &plan = *call.plan;
    const Geometry &g = plan.g;
    const float *base = (plan.direct ? (const float *)call.x + call.image * g.x_image : call.copy) + first;
    vf sum[PART][V];
    Each<PART>::run([&](int o) UNROLLED {
        vf start = splat(part.bias[o]);
        Each<V>::run([&](int v) UNROLLED { sum[o][v] = start; });
    });
    if (masked) add_blocks<V, true>(plan, part, base, lanes, sum);
    else add_blocks<V, false>(plan, part, base, lanes, sum);
#if MASKED_LANES
    if (g.dtype == FLOAT32) {
        const int64_t plane = g.out_h * g.out_w;
        float *y = (float *)call.y + (call.image * g.out_channels + part.output) * plane;
        Each<PART>::run([&](int o) UNROLLED {
            if (o < part.outputs)
                Each<V>::run([&](int v) UNROLLED { put_lanes(y + o * plane, places, v, sum[o][v]); });
        });
        return;
    }
#endif
    (void)places;
    float rows[PART * V * VL];
    Each<PART>::run([&](int o) UNROLLED {
        Each<V>::run([&](int v) UNROLLED { store(rows + (o * V + v) * VL, sum[o][v]); });
    });
    put_rows(call, part, rows, V * VL, first, V * VL);
}

// VL outputs in lanes, P pixels in registers: one load of weights for P products.
template <int P> static NOINLINE void lanes_tile(const Call &call, const Part &part, int64_t first) {
    const Plan &plan = *call.plan;
    vf sum[P];
    const vf start = load(part.bias);
    Each<P>::run([&](int p) UNROLLED { sum[p] = start; });
    const float *w = part.weights;
    const int64_t channel = plan.channel;
    for (int64_t b = plan.begin[part.group]; b < plan.begin[part.group + 1]; b++) {
        const float *x = call.copy + first + plan.offsets[b];
        for (int64_t c = 0; c < plan.blocks[b].inputs; c++) {
            const vf weight = load(w);
            Each<P>::run([&](int p) UNROLLED { sum[p] += weight * splat(x[p]); });
            w += VL;
            x += channel;
        }
    }
    enum { SQUARES = (P + VL - 1) / VL };
    vf square[SQUARES * VL];
    Each<P>::run([&](int p) UNROLLED { square[p] = sum[p]; });
    for (int p = P; p < SQUARES * VL; p++) square[p] = splat(0);
    float rows[VL * SQUARES * VL];
    for (int s = 0; s < SQUARES; s++) {
        transpose(square + s * VL);
        for (int l = 0; l < VL; l++) store(rows + (l * SQUARES + s) * VL, square[s * VL + l]);
    }
    put_rows(call, part, rows, SQUARES * VL, first, P);
}

// Whole tiles, then the smallest size that holds the rest.
static void lanes_of(const Call &call, const Part &part, int64_t first, int64_t left) {
    if (left <= 2) lanes_tile<2>(call, part, first);
    else if (left <= 5) lanes_tile<5>(call, part, first);
    else if (left <= 8) lanes_tile<8>(call, part, first);
#if defined(__AVX512F__) || defined(__aarch64__)
    else if (left <= 12) lanes_tile<12>(call, part, first);
    else if (left <= 19) lanes_tile<19>(call, part, first);
    else if (left <= 24) lanes_tile<24>(call, part, first);
#endif
    else lanes_tile<MOST_PIXELS>(call, part, first);
}

static void work(void *context, int64_t begin, int64_t end) {
    const Call &call = *(const Call *)context;
    const Plan &plan = *call.plan;
    const Geometry &g = plan.g;
    const int64_t parts = g.groups * plan.parts;
    Lanes lanes[MOST_TAPS][WIDTH];
    Places<WIDTH> places;
    bool masked = false;
    int64_t prepared = -1;
    for (int64_t unit = begin; unit < end; unit++) {
        // Rows: all outputs of a tile, whose pixels stay near. Lanes: all tiles of a part, whose weights do.
        const int64_t tile = g.shape == ROWS ? unit / parts : unit % plan.tiles;
        const int64_t number = g.shape == ROWS ? unit % parts : unit / plan.tiles;
        const Part part = part_of(call, number / plan.parts, number % plan.parts);
        const int64_t first = tile * plan.tile, left = plan.positions - first;
        if (part.outputs == 0) continue;
        if (g.shape == LANES) {
            lanes_of(call, part, first, left);
            continue;
        }
        if (prepared != tile) {
            masked = plan.direct && tile_taps<WIDTH>(plan.planes, first, lanes);
            tile_places<WIDTH>(first, plan.row, g.out_w, g.out_h, plan.positions, &places);
            prepared = tile;
        }
        if (left > 2 * VL) rows_tile<WIDTH>(call, part, first, lanes, masked, places);
        else if (left > VL) rows_tile<2>(call, part, first, lanes, masked, places);
        else rows_tile<1>(call, part, first, lanes, masked, places);
    }
}

template <class T> static void copy_work(void *context, int64_t begin, int64_t end) {
    const Call &call = *(const Call *)context;
    const Plan &plan = *call.plan;
    const T *x = (const T *)call.x + call.image * plan.g.x_image;
    for (int64_t c = begin; c < end; c++)
        copy_channel(plan.planes, x + c * plan.g.x_channel, call.copy + c * plan.planes.channel);
}

template <class T> static void run(Call &call, int threads) {
    const Plan &plan = *call.plan;
    const Geometry &g = plan.g;
    const int64_t units = plan.tiles * g.groups * plan.parts;
    for (call.image = 0; call.image < g.images; call.image++) {
        if (!plan.direct) parallel_for(&pool, threads, g.in_channels, g.in_channels / (2 * threads) + 1, copy_work<T>, &call);
        parallel_for(&pool, threads, units, units / (8 * threads) + 1, work, &call);
    }
}

extern "C" {

int lhc_interface() { return 1; }
int lhc_vector_bytes() { return VL * 4; }
void lhc_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// Outputs that stand side by side in the packed weights of a shape.
int lhc_part(int shape) { return shape == ROWS ? (int)PART : VL; }

// numbers: a Geometry; begin: groups + 1 places in blocks; blocks: (first, inputs, row, column) each.
void *lhc_plan(const int64_t *numbers, const int64_t *begin, const int64_t *blocks) {
    return plan_make(numbers, begin, blocks);
}
void lhc_plan_free(void *plan) { plan_free((Plan *)plan); }

// packed: for each group, for each part, for each kept input, the weights of its outputs; then the bias likewise.
// y: (images, out_channels, plane), contiguous, of x's type. Returns 1 if memory ran out.
int lhc_forward(const void *plan_pointer, const void *x, void *y, const float *packed, int threads) {
    const Plan &plan = *(const Plan *)plan_pointer;
    if (plan.g.images == 0 || plan.positions <= 0) return 0;
    Call call = {&plan, x, y, packed, 0, 0};
    if (!plan.direct) {
        call.copy = arena(SCRATCH, plan.copy_floats * sizeof(float));
        if (!call.copy) return 1;
        // What lies past the last channel is read into junk lanes.
        const int64_t end = plan.g.in_channels * plan.planes.channel;
        memset(call.copy + end, 0, (plan.copy_floats - end) * sizeof(float));
    }
    if (plan.g.dtype == FLOAT32) run<float>(call, threads);
    else if (plan.g.dtype == BFLOAT16) run<bf16>(call, threads);
    else run<fp16>(call, threads);
    return 0;
}
}
