// Fused backward. v = f S x, w = scale v, u = nonlinearity(w), y = i S u, with f and i the transforms' factors:
//   g_u = i S g;  g_w = g_u u'(w);  g_x = f S (scale g_w);  g_threshold = sum g_u du/dT;  g_scale = sum g_w v.
// Reads x and g, writes g_x; v is computed again. The sums over pixels are kept per chunk of units, and
// chunks are added in order: the same bits for every number of threads.
#include "rows.h"
#include "strided.h"

static Pool pool;
static const int MOST_CHUNKS = 32;

// The next tile's rows of x and of the gradient, fetched while this one is computed.
struct FetchBoth {
    Fetch x, g;
    INLINE void pace(int64_t work) {
        x.pace(work);
        g.pace(work);
    }
};
static const int BACKWARD_WEIGHT = 8;  // of the core pass, as CORE_WEIGHT

// Sums of one thread over one chunk: [threshold, scale][coefficient][lanes].
struct Sums {
    float *threshold, *scale;
};
static INLINE void add_to(float *sum, vf v) { store(sum, load(sum) + v); }

// R rows of x and of g, already transformed down to here; the gradient replaces g.
template <int R, int KIND>
static NOINLINE void core_backward(const float *x, float *g, int64_t row_floats, int64_t columns, const Call &call,
                                   int64_t row, Sums sums, FetchBoth *fetch) {
    const Constants &k = call.constants;
    const float *threshold = call.threshold + row, *scale = call.scale + row;
    const vf forward = splat((float)call.plan->forward_factor), inverse = splat((float)call.plan->inverse_factor);
    const bool keep = call.plan->g.keep_first && row == 0;
    const int N = R < 4 ? R : 4;
    Walk<R, const float> x_at(x, row_floats);
    Walk<R, float> g_at(g, row_floats);
    for (int64_t c = 0; c < columns; c++, x_at.next(), g_at.next()) {
        vf v[R], u[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(x_at.row(j)); });
        Butterfly<R>::run(v);
        Each<R>::run([&](int j) UNROLLED { u[j] = load(g_at.row(j)); });
        Butterfly<R>::run(u);
        const vf kept = u[0] * inverse * forward;
        Each<R / N>::run([&](int i) UNROLLED {
            vf w[N], t[N], g_threshold[N], *sum = v + i * N, *g_u = u + i * N;
            Each<N>::run([&](int j) UNROLLED { w[j] = sum[j] * splat(scale[i * N + j]); });
            Each<N>::run([&](int j) UNROLLED { t[j] = splat(threshold[i * N + j]); });
            Each<N>::run([&](int j) UNROLLED { g_u[j] *= inverse; });
            nonlinear_backward<N, KIND>(w, g_u, t, g_threshold, k);
            Each<N>::run([&](int j) UNROLLED { add_to(sums.threshold + (row + i * N + j) * VL, g_threshold[j]); });
            if (call.need_scale)
                Each<N>::run([&](int j) UNROLLED { add_to(sums.scale + (row + i * N + j) * VL, w[j] * sum[j]); });
            Each<N>::run([&](int j) UNROLLED { g_u[j] = w[j] * splat(scale[i * N + j]); });
        });
        if (keep) u[0] = kept;
        Butterfly<R>::run(u);
        Each<R>::run([&](int j) UNROLLED { store(g_at.row(j), u[j]); });
        if (fetch) fetch->pace(BACKWARD_WEIGHT * R);
    }
}

template <int KIND>
static INLINE void run_core_backward(int radix, const float *x, float *g, int64_t row_floats, int64_t columns,
                                     const Call &call, int64_t row, Sums sums, FetchBoth *fetch) {
    switch (radix) {
        case 1: return core_backward<1, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
        case 2: return core_backward<2, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
        case 4: return core_backward<4, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
        default: return core_backward<8, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
    }
}

static void inner_backward(int level, float *x, float *g, const Levels &levels, int64_t columns, const Call &call,
                           int64_t row, Sums sums, FetchBoth *fetch) {
    int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (call.plan->g.nonlinearity == SMOOTH)
            run_core_backward<SMOOTH>(radix, x, g, call.plan->backward_cut.tile, columns, call, row, sums, fetch);
        else run_core_backward<SOFT>(radix, x, g, call.plan->backward_cut.tile, columns, call, row, sums, fetch);
        return;
    }
    int64_t groups = levels.rows[level + 1], stride = levels.stride[level + 1];
    run_middle(levels, level, x, call.plan->backward_cut.tile, columns, fetch ? &fetch->x : 0);
    run_middle(levels, level, g, call.plan->backward_cut.tile, columns, fetch ? &fetch->g : 0);
    for (int j = 0; j < radix; j++)
        inner_backward(level + 1, x + j * stride, g + j * stride, levels, columns, call, row + j * groups, sums, fetch);
    run_middle(levels, level, g, call.plan->backward_cut.tile, columns, 0);
}

template <class T>
static void strided_units(Call &call, int64_t begin, int64_t end, float *x_scratch, float *g_scratch, Sums sums) {
    const Plan &plan = *call.plan;
    const Levels &levels = plan.backward;
    const T *x = (const T *)call.x, *g = (const T *)call.g;
    const int64_t groups = levels.rows[0] / levels.radix[0];
    const int64_t cost = (BACKWARD_WEIGHT + levels.count - 2) * (plan.backward_cut.tile / VL);
    FetchBoth fetch;
    fetch.x.begin(plan.x_rows, groups, sizeof(T), plan.backward_cut.tile * sizeof(T), cost);
    fetch.g.begin(plan.y_rows, groups, sizeof(T), plan.backward_cut.tile * sizeof(T), cost);
    for (int64_t unit = begin; unit < end; unit++) {
        Place here = place(plan, plan.backward_cut, unit);
        Tile &t = here.tile;
        RowPointers<T> x_rows = {x + here.x, x + plan.x_extent, t.x_rows};
        RowPointers<T> g_rows = {g + here.y, g + plan.y_extent, t.y_rows};
        const Groups all = {0, groups};
        run_first(levels, x_rows, t, x_scratch, all, 0);
        run_first(levels, g_rows, t, g_scratch, all, 0);
        if (t.tail) {  // lanes that are done twice or past the tail are no part of the sums
            const vi mask = t.narrow() ? lanes_below(t.tail) : ~lanes_below(VL - t.tail);
            for (int64_t r = 0; r < plan.length; r++) {
                float *p = g_scratch + levels.position[r] + (t.columns() - 1) * VL;
                store(p, (vf)((vi)load(p) & mask));
                p = x_scratch + levels.position[r] + (t.columns() - 1) * VL;
                store(p, (vf)((vi)load(p) & mask));
            }
        }
        const bool more = unit + 1 < end;
        const Place next = place(plan, plan.backward_cut, more ? unit + 1 : unit);
        fetch.x.aim(more ? x + next.x : 0);
        fetch.g.aim(more ? g + next.y : 0);
        for (int j = 0; j < levels.radix[0]; j++) {
            int64_t at = j * levels.stride[1], row = j * levels.rows[1];
            inner_backward(1, x_scratch + at, g_scratch + at, levels, t.columns(), call, row, sums,
                           plan.prefetch ? &fetch : 0);
        }
        Tile out = t;  // the gradient has the input's shape
        out.y_rows = t.x_rows;
        run_last(call, levels, g_scratch, out, (T *)call.y + here.x, plan.g.residual ? &g_rows : 0, all, 0);
    }
}

// One part of a row, V vectors; LANES and first_lanes as in the forward. Adds up one sum per coefficient.
template <int V, int LANES, int KIND>
static NOINLINE void row_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const Constants &k = call.constants;
    const vf forward = splat((float)call.plan->forward_factor), inverse = splat((float)call.plan->inverse_factor);
    const bool keep = call.plan->g.keep_first && at == 0;
    const int N = V < 4 ? V : 4;
    for (int64_t r = 0; r < rows; r++, x += V * VL, g += V * VL, out += V * VL) {
        vf v[V], u[V];
        Each<V>::run([&](int i) UNROLLED { v[i] = load(x + i * VL); });
        Butterfly<V>::run(v);
        InVector<V, LANES>::run(v);
        Each<V>::run([&](int i) UNROLLED { u[i] = load(g + i * VL); });
        Butterfly<V>::run(u);
        InVector<V, LANES>::run(u);
        const vf kept = u[0] * inverse * forward;
        Each<V / N>::run([&](int i) UNROLLED {
            vf w[N], t[N], g_threshold[N], *sum = v + i * N, *g_u = u + i * N;
            const int64_t from = at + i * N * VL;
            Each<N>::run([&](int j) UNROLLED { w[j] = sum[j] * load(call.scale + from + j * VL); });
            Each<N>::run([&](int j) UNROLLED { t[j] = load(call.threshold + from + j * VL); });
            Each<N>::run([&](int j) UNROLLED { g_u[j] *= inverse; });
            nonlinear_backward<N, KIND>(w, g_u, t, g_threshold, k);
            Each<N>::run([&](int j) UNROLLED { add_to(sums.threshold + from + j * VL, g_threshold[j]); });
            if (call.need_scale)
                Each<N>::run([&](int j) UNROLLED { add_to(sums.scale + from + j * VL, w[j] * sum[j]); });
            Each<N>::run([&](int j) UNROLLED { g_u[j] = w[j] * load(call.scale + from + j * VL); });
        });
        if (keep) u[0] = call.first_lanes ? kept : u[0];
        InVector<V, LANES>::run(u);
        Butterfly<V>::run(u);
        Each<V>::run([&](int i) UNROLLED { store(out + i * VL, u[i]); });
    }
}

template <int KIND>
static INLINE void run_row_backward(int vectors, int64_t lanes, const float *x, const float *g, float *out, int64_t rows,
                                    const Call &call, int64_t at, Sums sums) {
    if (vectors == 2) return row_backward<2, VL, KIND>(x, g, out, rows, call, at, sums);
    if (vectors == 4) return row_backward<4, VL, KIND>(x, g, out, rows, call, at, sums);
    if (vectors == 8) return row_backward<8, VL, KIND>(x, g, out, rows, call, at, sums);
    if (lanes >= VL) return row_backward<1, VL, KIND>(x, g, out, rows, call, at, sums);
    if (lanes == 2) return row_backward<1, 2, KIND>(x, g, out, rows, call, at, sums);
#if VL > 4
    if (lanes == 4) return row_backward<1, 4, KIND>(x, g, out, rows, call, at, sums);
#endif
#if VL > 8
    if (lanes == 8) return row_backward<1, 8, KIND>(x, g, out, rows, call, at, sums);
#endif
}

// Rows of x and of the gradient to come, or null.
struct AheadRows {
    const float *x, *g;
};

// Rows of x and of the gradient to the gradient of x in `out`, through the scratch rows x and g. Inputs and `out`
// may be these scratch rows themselves.
static void row_levels_backward(int level, const float *x_in, float *x, const float *g_in, float *g, float *out,
                                int64_t rows, const Levels &levels, const Call &call, int64_t at, Sums sums,
                                AheadRows ahead) {
    int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (ahead.x) {
            fetch_lines(ahead.x + at, radix * sizeof(vf));
            fetch_lines(ahead.g + at, radix * sizeof(vf));
        }
        if (call.plan->g.nonlinearity == SMOOTH)
            run_row_backward<SMOOTH>(radix, call.plan->length, x_in, g_in, out, rows, call, at, sums);
        else run_row_backward<SOFT>(radix, call.plan->length, x_in, g_in, out, rows, call, at, sums);
        return;
    }
    int64_t part = levels.rows[level + 1] * VL;
    row_stage<false>(radix, x_in, part, x, part, part / VL);
    row_stage<false>(radix, g_in, part, g, part, part / VL);
    for (int j = 0; j < radix; j++) {
        int64_t o = j * part;
        row_levels_backward(level + 1, x + o, x + o, g + o, g + o, g + o, 1, levels, call, at + o, sums, ahead);
    }
    // At the top, and past the caches where the output is large.
    if (level == 0 && call.past_cache && out != g && (uintptr_t)out % sizeof(vf) == 0)
        row_stage<true>(radix, g, part, out, part, part / VL);
    else row_stage<false>(radix, g, part, out, part, part / VL);
}

template <class T>
static void rows_units(Call &call, int64_t begin, int64_t end, float *x_scratch, float *g_scratch, Sums sums) {
    const Plan &plan = *call.plan;
    const Geometry &o = plan.g;
    const Levels &levels = plan.backward;
    const T *x = (const T *)call.x, *g = (const T *)call.g;
    T *y = (T *)call.y;
    const int64_t length = plan.length, all = o.outer * o.blocks;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t row = unit * plan.batch, rows = all - row < plan.batch ? all - row : plan.batch;
        int64_t filled = rows * length, vectors = (filled + VL - 1) / VL;
        if (plan.plain && (length >= VL || filled % VL == 0)) {
            const int64_t from = row * length;
            const float *x_row = (const float *)call.x + from, *g_row = (const float *)call.g + from;
            const bool fetch = plan.prefetch && levels.count > 1;
            row_levels_backward(0, x_row, x_scratch, g_row, g_scratch, (float *)call.y + from, length >= VL ? rows : vectors,
                                levels, call, 0, sums, fetch ? AheadRows{x_row + length, g_row + length} : AheadRows{0, 0});
            continue;
        }
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(o, row + r);
            gather(x + p.x, x + plan.x_extent, o.n1, p.n2, o.x1, o.p1, o.p2, x_scratch + r * length);
            gather(g + p.y, g + plan.y_extent, o.m1, p.m2, o.y1, o.p1, o.p2, g_scratch + r * length);
        }
        for (int64_t i = filled; i < vectors * VL; i++) x_scratch[i] = g_scratch[i] = 0;
        row_levels_backward(0, x_scratch, x_scratch, g_scratch, g_scratch, g_scratch, length >= VL ? rows : vectors,
                            levels, call, 0, sums, AheadRows{0, 0});
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(o, row + r);
            scatter(g_scratch + r * length, o.p2, o.n1, p.n2, o.x1, y + p.x, o.residual ? g + p.y : (const T *)0, o.y1,
                    o.m1, p.m2);
        }
    }
}

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

template <class T> static void chunks_backward(void *context, int64_t begin, int64_t end) {
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
        if (plan.g.kind == STRIDED) strided_units<T>(call, from, to, x_scratch, g_scratch, sums);
        else rows_units<T>(call, from, to, x_scratch, g_scratch, sums);
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
    fill_tables(plan, threshold, 1, scale, plan.forward_factor, tables, tables + count);
    call.constants.set(1, 1, 1);
    call.threshold = tables;
    call.scale = tables + count;
    call.partial = (double *)(tables + 2 * count);
    for (int l = 0; l < VL; l++) call.first_lanes[l] = l % length == 0 ? -1 : 0;
    call.past_cache = plan.past_cache_backward;
    const Work work = plan.g.dtype == FLOAT32 ? chunks_backward<float>
                      : plan.g.dtype == BFLOAT16 ? chunks_backward<bf16> : chunks_backward<fp16>;
    parallel_for(&pool, threads, call.chunks, 1, work, &call);
    if (call.failed) return 1;
    for (int64_t k = 0; k < length; k++) {
        double t = 0, s = 0;
        for (int64_t c = 0; c < call.chunks; c++) {
            t += call.partial[c * 2 * length + k];
            if (g_scale) s += call.partial[c * 2 * length + length + k];
        }
        int64_t to = plan.order ? plan.order[k] : k;
        if (plan.g.threshold_mode == ABSOLUTE) t = threshold[to] > 0 ? t : threshold[to] < 0 ? -t : 0;
        if (plan.g.threshold_mode == CLAMPED) t = threshold[to] > 0 ? t : 0;
        if (plan.g.keep_first && k == 0) t = s = 0;
        g_threshold[to] = (float)t;
        if (g_scale) g_scale[to] = (float)(s * plan.forward_factor);
    }
    return 0;
}
}
