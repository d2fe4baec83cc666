// Forward of the fused layer: transform, nonlinearity, inverse in one read and one write.
// The work itself is in two files of its own, so that compilers can share it.
#include "call.h"

static Pool pool;

extern "C" {

// Bumped with every change of the C interface.
int wht_interface() { return 1; }
int wht_vector_bytes() { return VL * 4; }
// For the caller to compare with its own.
int wht_geometry_bytes() { return (int)sizeof(Geometry); }
int wht_tuning_bytes() { return (int)sizeof(Tuning); }

// GOMP_parallel of the OpenMP library in this process, or null for own threads.
void wht_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

void *wht_plan(const Geometry *geometry, const Tuning *tuning, const double *factors, const int32_t *order) {
    Plan *plan = plan_make(*geometry, *tuning, factors, order);
    if (!plan || plan_share(plan)) return plan;
    plan_free(plan);
    return 0;
}
void wht_free(void *plan) { plan_free((Plan *)plan); }

// Returns 0, or 1 if memory ran out. threshold and scale: float32, one per coefficient; scale may be null.
int wht_forward(const void *plan_pointer, const void *x, void *y, const float *threshold, const float *scale, int threads) {
    const Plan &whole = *(const Plan *)plan_pointer;
    if (whole.cut.units == 0) return 0;
    Call call = {};
    if (x != y) call.lines = line_cut_for(whole, threads, y);  // in place each pixel is read once
    const Plan &plan = call.lines.tiles ? *whole.shared : whole;
    const int64_t units = call.lines.tiles ? call.lines.tiles : plan.cut.units;
    call.plan = &plan;
    call.x = x;
    call.y = y;
    const int64_t count = table_floats(plan);
    float *tables = arena(TABLES, 2 * count * sizeof(float));
    if (!tables) return 1;
    // A tiny factor to the eighth power would leave float32: then it goes into the table of scales.
    const bool fold = !scale && plan.forward_factor > 1e-3 && plan.forward_factor < 1e3;
    const double s = plan.forward_factor, out = plan.inverse_factor;
    fill_tables(plan, threshold, fold ? s : 1, scale, s, tables, fold ? 0 : tables + count);
    call.constants.set(fold ? s : 1, out, s * out);
    call.threshold = tables;
    call.scale = fold ? 0 : tables + count;
    for (int l = 0; l < VL; l++) call.first_lanes[l] = l % plan.length == 0 ? -1 : 0;
    call.past_cache = plan.past_cache;
    // Several chunks for each thread, to share the load; fewer where each has to fill a pipeline of tiles first.
    const int64_t grain = units / (threads * (plan.in_flight ? 2 : 8));
    parallel_for(&pool, threads, units, grain,
                 plan.g.kind == STRIDED ? strided_forward_work() : rows_forward_work(), &call);
    return call.failed;
}
}
