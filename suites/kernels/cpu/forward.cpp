// Forward of the fused layer: transform, nonlinearity, inverse in one read and one write.
// The work itself is in two files of its own, so that compilers can share it.
#include "call.h"

Work strided_forward_work();
Work rows_forward_work();

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
    return plan_make(*geometry, *tuning, factors, order);
}
void wht_free(void *plan) { plan_free((Plan *)plan); }

// Returns 0, or 1 if memory ran out. threshold and scale: float32, one per coefficient; scale may be null.
int wht_forward(const void *plan_pointer, const void *x, void *y, const float *threshold, const float *scale, int threads) {
    const Plan &plan = *(const Plan *)plan_pointer;
    if (plan.cut.units == 0) return 0;
    Call call = {};
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
    const int64_t grain = plan.cut.units / (threads * (plan.in_flight ? 2 : 8));
    parallel_for(&pool, threads, plan.cut.units, grain,
                 plan.g.kind == STRIDED ? strided_forward_work() : rows_forward_work(), &call);
    return call.failed;
}
}
