// Fused backward. v = f S x, w = scale v, u = nonlinearity(w), y = i S u, with f and i the transforms' factors:
//   g_u = i S g;  g_w = g_u u'(w);  g_x = f S (scale g_w);  g_threshold = sum g_u du/dT;  g_scale = sum g_w v.
// Reads x and g, writes g_x; v is computed again. The sums over pixels are kept per chunk of units, and
// chunks are added in order: the same bits for every number of threads.
//
// What it can cost, in terms of the forward. A value takes 2 log2(L) operations of butterflies and 18 of nonlinearity in
// the forward; here 3 log2(L), and 24 for nonlinearity, factor and sum: 1.39 times as many at L = 64, 1.41 at 1024. It
// moves 3 values to and from memory instead of 2 (1.5), and stores 8 to scratch and output instead of 5 (1.6) where an
// axis takes five passes: the floor lies between 1.4 and 1.6.
//
// The work itself is in two files of its own, so that compilers can share it.
#include "backward.h"

static Pool pool;
static const int MOST_CHUNKS = 32;

// One sum for each coefficient, in an order of its own that nothing changes.
static void add_lanes(const Plan &plan, const float *sums, double *to) {
    const int64_t length = plan.length;
    if (plan.g.kind == STRIDED) {
        for (int64_t k = 0; k < length; k++, sums += VL) {
            double part[4] = {0, 0, 0, 0};
            for (int l = 0; l < VL; l++) part[l % 4] += sums[l];
            to[k] = (part[0] + part[1]) + (part[2] + part[3]);
        }
        return;
    }
    for (int64_t k = 0; k < length; k++) to[k] = sums[k];
    for (int64_t from = length; from < table_floats(plan); from += length)  // rows that share a vector
        for (int64_t k = 0; k < length; k++) to[k] += sums[from + k];
}

static void chunks_backward(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Plan &plan = *call.plan;
    const int64_t count = table_floats(plan), lanes = plan.g.kind == STRIDED ? VL : 1, sums_floats = count * lanes;
    float *memory = arena(SCRATCH, (2 * plan.scratch_floats + 2 * VL + 2 * sums_floats) * sizeof(float));
    if (!memory) {
        call.failed = 1;
        return;
    }
    float *x_scratch = memory, *g_scratch = memory + plan.scratch_floats + VL;
    Sums sums = {g_scratch + plan.scratch_floats + VL, g_scratch + plan.scratch_floats + VL + sums_floats};
    for (int64_t chunk = begin; chunk < end; chunk++) {
        memset(sums.threshold, 0, (call.need_scale ? 2 : 1) * sums_floats * sizeof(float));
        int64_t from = plan.backward_cut.units * chunk / call.chunks, to = plan.backward_cut.units * (chunk + 1) / call.chunks;
        (plan.g.kind == STRIDED ? strided_backward_units : rows_backward_units)(call, from, to, x_scratch, g_scratch, sums);
        double *partial = call.partial + chunk * 2 * plan.length;
        add_lanes(plan, sums.threshold, partial);
        if (call.need_scale) add_lanes(plan, sums.scale, partial + plan.length);
    }
    if (call.past_cache) fence_stores();
}

extern "C" {

void wht_set_pool_backward(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// x: the forward's input, gy: gradient of its output, gx: gets the gradient of x (laid out as x).
// g_threshold, g_scale: float32, one per coefficient; g_scale may be null. Returns 1 if memory ran out.
int wht_backward(const void *plan_pointer, const void *x, const void *gy, void *gx, const float *threshold,
                 const float *scale, float *g_threshold, float *g_scale, int threads) {
    const Plan &plan = *(const Plan *)plan_pointer;
    const int64_t length = plan.length, count = table_floats(plan);
    for (int64_t k = 0; k < length; k++) {
        g_threshold[k] = 0;
        if (g_scale) g_scale[k] = 0;
    }
    if (plan.backward_cut.units == 0) return 0;
    Call call = {};
    call.plan = &plan;
    call.x = x;
    call.g = gy;
    call.y = gx;
    call.need_scale = g_scale != 0;
    call.chunks = plan.backward_cut.units < MOST_CHUNKS ? plan.backward_cut.units : MOST_CHUNKS;
    // Padded to whole cache lines after the tables, then 2 * length sums in double for each chunk.
    float *tables = arena(TABLES, 2 * count * sizeof(float) + call.chunks * 2 * length * sizeof(double));
    if (!tables) return 1;
    // Without scales the sums themselves go through the nonlinearity, which knows the factor from them to w.
    const bool fold = !scale && plan.forward_factor > 1e-3 && plan.forward_factor < 1e3;
    fill_tables(plan, threshold, 1, scale, plan.forward_factor, tables, fold ? 0 : tables + count);
    call.constants.set_backward(fold ? plan.forward_factor : 1);
    call.threshold = tables;
    call.scale = fold ? 0 : tables + count;
    call.partial = (double *)(tables + 2 * count);
    for (int l = 0; l < VL; l++) call.first_lanes[l] = l % length == 0 ? -1 : 0;
    call.past_cache = plan.past_cache_backward;
    parallel_for(&pool, threads, call.chunks, 1, chunks_backward, &call);
    if (call.failed) return 1;
    // Chunk after chunk, not coefficient after coefficient: that would step through memory by powers of two.
    const int64_t wanted = g_scale ? 2 * length : length;
    for (int64_t c = 1; c < call.chunks; c++)
        for (int64_t k = 0; k < wanted; k++) call.partial[k] += call.partial[c * 2 * length + k];
    for (int64_t k = 0; k < length; k++) {
        double t = call.partial[k], s = g_scale ? call.partial[length + k] : 0;
        int64_t to = plan.order ? plan.order[k] : k;
        if (fold) t /= plan.forward_factor;  // gradient_factor had it in
        if (plan.g.threshold_mode == ABSOLUTE) t = threshold[to] > 0 ? t : threshold[to] < 0 ? -t : 0;
        if (plan.g.threshold_mode == CLAMPED) t = threshold[to] > 0 ? t : 0;
        if (plan.g.keep_first && k == 0) t = s = 0;
        g_threshold[to] = (float)t;
        if (g_scale) g_scale[to] = (float)(s * plan.forward_factor);
    }
    return 0;
}
}
