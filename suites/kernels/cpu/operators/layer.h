// The layers on whole tensors, as the adapters of other engines call them: a plan for each shape, chosen by trying.
#pragma once
#include <time.h>

#include "plan.h"

extern "C" {
void *wht_plan(const Geometry *geometry, const Tuning *tuning, const double *factors, const int32_t *order);
void wht_free(void *plan);
int wht_forward(const void *plan, const void *x, void *y, const float *threshold, const float *scale, int threads);
}

enum { MOST_WAYS = 6, TRIES = 3 };
static const int64_t NEVER = (int64_t)1 << 62, SMALL_BYTES = 1 << 20;

// The forms of the work that suites/kernels/tuning.py races, within the caches first. All add in the same order: a
// network does not change its last bits after its first calls.
static const Tuning WAYS[MOST_WAYS] = {
    {NEVER, NEVER, 0, 64}, {0, 0, 0, 64}, {NEVER, 0, 0, 64}, {0, NEVER, 0, 64}, {0, 0, 0, 128}, {0, 0, 1, 64}};

static inline int64_t nanoseconds_now() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// A tensor and what of it is transformed.
struct LayerShape {
    int64_t images, channels, height, width;
    int64_t size;            // of both sides of the padded plane; 0: the transform is over the channels
    int64_t channels_last;
    int64_t x_step, y_step;  // channels first: elements from one channel to the next
    int64_t threads;
};

enum { LONGEST = 65536 };

static inline bool power_of_two(int64_t n) { return n >= 2 && (n & (n - 1)) == 0; }

// Why no layer can be made for a shape, or null.
static inline const char *layer_problem(const LayerShape &s) {
    if (s.size == 0)
        return power_of_two(s.channels) && s.channels <= LONGEST
                   ? 0 : "EdgeWht1d takes channels that are a power of two, 2 to 65536";
    return power_of_two(s.size) && s.size >= s.height && s.size >= s.width && s.size * s.size <= LONGEST
               ? 0 : "EdgeWht2d takes thresholds (S, S), S a power of two, 2 to 256, that the plane fits in";
}

// One shape's plans. The ways take turns in the first calls; the fastest does the rest. All give the same bits.
struct Layer {
    LayerShape shape;
    void *plans[MOST_WAYS];
    int64_t best[MOST_WAYS];
    int ways, calls, chosen;
};

static inline bool layer_is(const Layer *layer, const LayerShape &shape) {
    return layer && memcmp(&layer->shape, &shape, sizeof shape) == 0;
}

static inline void layer_free(Layer *layer) {
    if (!layer) return;
    for (int way = 0; way < layer->ways; way++) wht_free(layer->plans[way]);
    free(layer);
}

// As suites/kernels/geometry.py has it.
static inline Geometry layer_geometry(const LayerShape &s) {
    const int64_t pixels = s.height * s.width;
    Geometry g = {};
    g.blocks = 1;
    if (s.size == 0) {
        const bool rows = s.channels_last || (s.x_step == 1 && s.y_step == 1);
        g.kind = rows ? ROWS : STRIDED;
        g.outer = rows ? s.images * pixels : s.images;
        g.inner = rows ? 1 : pixels;
        g.x2 = rows ? 1 : s.x_step;
        g.y2 = rows ? 1 : s.y_step;
        g.x_outer = s.channels * g.x2;
        g.y_outer = s.channels * g.y2;
        g.p1 = g.n1 = g.m1 = 1;
        g.p2 = g.n2 = g.m2 = g.n2_last = g.m2_last = s.channels;
        return g;
    }
    const bool beside = s.channels_last && s.channels > 1;  // one channel alone is a plane
    g.kind = beside ? STRIDED : ROWS;
    g.outer = beside ? s.images : s.images * s.channels;
    g.inner = beside ? s.channels : 1;
    g.x_outer = beside ? pixels * s.channels : s.channels_last ? pixels : s.x_step;
    g.y_outer = beside ? pixels * s.channels : s.channels_last ? pixels : s.y_step;
    g.x2 = g.y2 = g.inner;
    g.x1 = g.y1 = s.width * g.inner;
    g.p1 = g.p2 = s.size;
    g.n1 = g.m1 = s.height;
    g.n2 = g.m2 = g.n2_last = g.m2_last = s.width;
    return g;
}

// For a shape without a problem. Returns null if memory ran out.
static inline Layer *layer_make(const LayerShape &shape) {
    Layer *layer = (Layer *)calloc(1, sizeof(Layer));
    if (!layer) return 0;
    layer->shape = shape;
    const Geometry g = layer_geometry(shape);
    const double factor = 1 / __builtin_sqrt((double)(g.p1 * g.p2)), factors[2] = {factor, factor};
    const int64_t bytes = shape.images * shape.channels * shape.height * shape.width * (int64_t)sizeof(float);
    for (int way = 0; way < (bytes <= SMALL_BYTES ? 1 : MOST_WAYS); way++) {
        if (g.kind == ROWS && way > 1 && WAYS[way].prefetch_bytes == 0 && WAYS[way].past_cache_bytes == 0)
            continue;  // rows know no tiles
        if (WAYS[way].in_flight && (g.p1 * g.p2 < 256 || g.p1 * g.p2 > 2048)) continue;  // nor do other lengths two
        layer->plans[layer->ways] = wht_plan(&g, &WAYS[way], factors, 0);
        if (!layer->plans[layer->ways]) {
            layer_free(layer);
            return 0;
        }
        layer->best[layer->ways++] = NEVER;
    }
    return layer;
}

// scale: of the 2-D layer, one for each threshold, or null. Returns 0, or 1 if memory ran out.
static inline int layer_run(Layer *layer, const float *x, float *y, const float *threshold, const float *scale) {
    const int threads = (int)layer->shape.threads, trials = layer->ways > 1 ? layer->ways * TRIES : 0;
    if (layer->calls >= trials) return wht_forward(layer->plans[layer->chosen], x, y, threshold, scale, threads);
    const int way = layer->calls++ % layer->ways;
    const int64_t begun = nanoseconds_now();
    const int failed = wht_forward(layer->plans[way], x, y, threshold, scale, threads);
    const int64_t taken = nanoseconds_now() - begun;
    if (taken < layer->best[way]) layer->best[way] = taken;
    if (layer->calls == trials)
        for (int other = 1; other < layer->ways; other++)
            if (layer->best[other] < layer->best[layer->chosen]) layer->chosen = other;
    return failed;
}

// The layer of a shape, made anew where `layer` is another's; null if memory ran out.
static inline Layer *layer_for(Layer *layer, const LayerShape &shape) {
    if (layer_is(layer, shape)) return layer;
    layer_free(layer);
    return layer_make(shape);
}
