// The 1-D layer on whole tensors, as the adapters of other engines call it: a plan for each shape, chosen by trying.
#pragma once
#include <time.h>

#include "plan.h"

extern "C" {
void *wht_plan(const Geometry *geometry, const Tuning *tuning, const double *factors, const int32_t *order);
void wht_free(void *plan);
int wht_forward(const void *plan, const void *x, void *y, const float *threshold, const float *scale, int threads);
}

enum { MOST_WAYS = 5, TRIES = 3 };
static const int64_t NEVER = (int64_t)1 << 62, SMALL_BYTES = 1 << 20;

// The forms of the work that suites/kernels/tuning.py races, within the caches first. Not the one with two tiles in
// flight: it adds in another order, and a network should not change its last bits after its first calls.
static const Tuning WAYS[MOST_WAYS] = {
    {NEVER, NEVER, 0, 64}, {0, 0, 0, 64}, {NEVER, 0, 0, 64}, {0, NEVER, 0, 64}, {0, 0, 0, 128}};

static inline int64_t nanoseconds_now() {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// One shape's plans. The ways take turns in the first calls; the fastest does the rest. All give the same bits.
struct Layer {
    int64_t images, channels, pixels;
    int64_t x_step, y_step;  // elements from one channel to the next: 1 where channels are last
    int threads;
    void *plans[MOST_WAYS];
    int64_t best[MOST_WAYS];
    int ways, calls, chosen;
};

static inline bool layer_is(const Layer *layer, int64_t images, int64_t channels, int64_t pixels, int64_t x_step,
                            int64_t y_step, int threads) {
    return layer && layer->images == images && layer->channels == channels && layer->pixels == pixels &&
           layer->x_step == x_step &&
           layer->y_step == y_step && layer->threads == threads;
}

static inline void layer_free(Layer *layer) {
    if (!layer) return;
    for (int way = 0; way < layer->ways; way++) wht_free(layer->plans[way]);
    free(layer);
}

// Returns null if memory ran out. channels: a power of two of at least 2.
static inline Layer *layer_make(int64_t images, int64_t channels, int64_t pixels, int64_t x_step,
                                int64_t y_step, int threads) {
    Layer *layer = (Layer *)calloc(1, sizeof(Layer));
    if (!layer) return 0;
    layer->images = images;
    layer->channels = channels;
    layer->pixels = pixels;
    layer->x_step = x_step;
    layer->y_step = y_step;
    layer->threads = threads;
    const bool rows = x_step == 1 && y_step == 1;
    Geometry g = {};
    g.kind = rows ? ROWS : STRIDED;
    g.outer = rows ? images * pixels : images;
    g.blocks = 1;
    g.x_outer = channels * x_step;
    g.y_outer = channels * y_step;
    g.inner = rows ? 1 : pixels;
    g.p1 = g.n1 = g.m1 = 1;
    g.p2 = g.n2 = g.m2 = g.n2_last = g.m2_last = channels;
    g.x2 = x_step;
    g.y2 = y_step;
    const double factor = 1 / __builtin_sqrt((double)channels), factors[2] = {factor, factor};
    const bool small = images * channels * pixels * (int64_t)sizeof(float) <= SMALL_BYTES;
    for (int way = 0; way < (small ? 1 : MOST_WAYS); way++) {
        if (rows && way > 1 && WAYS[way].prefetch_bytes == 0 && WAYS[way].past_cache_bytes == 0)
            continue;  // rows know no tiles
        layer->plans[layer->ways] = wht_plan(&g, &WAYS[way], factors, 0);
        if (!layer->plans[layer->ways]) {
            layer_free(layer);
            return 0;
        }
        layer->best[layer->ways++] = NEVER;
    }
    return layer;
}

// Returns 0, or 1 if memory ran out.
static inline int layer_run(Layer *layer, const float *x, float *y, const float *threshold) {
    const int trials = layer->ways > 1 ? layer->ways * TRIES : 0;
    if (layer->calls >= trials) return wht_forward(layer->plans[layer->chosen], x, y, threshold, 0, layer->threads);
    const int way = layer->calls++ % layer->ways;
    const int64_t begun = nanoseconds_now();
    const int failed = wht_forward(layer->plans[way], x, y, threshold, 0, layer->threads);
    const int64_t taken = nanoseconds_now() - begun;
    if (taken < layer->best[way]) layer->best[way] = taken;
    if (layer->calls == trials)
        for (int other = 1; other < layer->ways; other++)
            if (layer->best[other] < layer->best[layer->chosen]) layer->chosen = other;
    return failed;
}
