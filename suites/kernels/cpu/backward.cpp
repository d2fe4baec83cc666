// Fused backward. v = f S x, w = scale v, u = nonlinearity(w), y = i S u, with f and i the transforms' factors:
//   g_u = i S g;  g_w = g_u u'(w);  g_x = f S (scale g_w);  g_threshold = sum g_u du/dT;  g_scale = sum g_w v.
// Reads x and g, writes g_x; v is computed again. The sums over pixels are kept per chunk of units, and
// chunks are added in order: the same bits for every number of threads.
//
// What it can cost, in terms of the forward. A value takes 2 log2(L) operations of butterflies and 18 of nonlinearity in
// the forward; here 3 log2(L), and 24 for nonlinearity, factor and sum: 1.39 times as many at L = 64, 1.41 at 1024. It
// moves 3 values to and from memory instead of 2 (1.5), and stores 8 to scratch and output instead of 5 (1.6) where an
// axis takes five passes: the floor lies between 1.4 and 1.6.
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
#if !defined(BACKWARD_WEIGHT)
#define BACKWARD_WEIGHT 8  // of the core pass, as CORE_WEIGHT
#endif
#if !defined(BACKWARD_GROUP)
#define BACKWARD_GROUP 2  // coefficients at a time, as GROUP: two sides of the work leave fewer registers
#endif

// Sums of one thread over one chunk: [threshold, scale][coefficient][lanes].
struct Sums {
    float *threshold, *scale;
};
static INLINE void add_to(float *sum, vf v) { store(sum, load(sum) + v); }
static INLINE void take_from(float *sum, vf v) { store(sum, load(sum) - v); }

// From the sums v of x and u of g to the gradient, in place of u, for N coefficients: thresholds, scales and sums of
// theirs are at(i) after the first. PLAIN: there are no scales. See gradient_factor for `factor`.
template <int N, int KIND, bool PLAIN, class At>
static INLINE void coefficients(vf *v, vf *u, const Call &call, Sums sums, vf factor, const At &at) {
    vf w[N], t[N], by_threshold[N];
    const bool scaled = !PLAIN && call.scale;
    Each<N>::run([&](int i) UNROLLED { w[i] = scaled ? v[i] * at.table(call.scale, i) : v[i]; });
    Each<N>::run([&](int i) UNROLLED { t[i] = at.table(call.threshold, i); });
    Each<N>::run([&](int i) UNROLLED { u[i] *= factor; });
    nonlinear_backward<N, KIND>(w, u, t, by_threshold, call.constants);
    Each<N>::run([&](int i) UNROLLED { take_from(at.sum(sums.threshold, i), by_threshold[i]); });
    Each<N>::run([&](int i) UNROLLED { u[i] *= w[i]; });
    if (!scaled) return;
    if (call.need_scale) Each<N>::run([&](int i) UNROLLED { add_to(at.sum(sums.scale, i), u[i] * v[i]); });
    Each<N>::run([&](int i) UNROLLED { u[i] *= at.table(call.scale, i); });
}

// Where the tables and the sums of coefficients lie that fill a row of vectors each, or a vector together.
struct AtRow {
    int64_t row;
    INLINE vf table(const float *values, int i) const { return splat(values[row + i]); }
    INLINE float *sum(float *sums, int i) const { return sums + (row + i) * VL; }
};
struct AtLanes {
    int64_t from;
    INLINE vf table(const float *values, int i) const { return load(values + from + i * VL); }
    INLINE float *sum(float *sums, int i) const { return sums + from + i * VL; }
};

// What the sums of g are multiplied by: the inverse transform's factor, and the forward's too where no scales hold it.
static INLINE vf gradient_factor(const Call &call, bool both) {
    return splat((float)(call.plan->inverse_factor * (both ? call.plan->forward_factor : 1)));
}

// R rows of x and of g, already transformed down to here; the gradient replaces g. PLAIN: neither scales nor an
// untouched first coefficient.
template <int R, int KIND, bool PLAIN>
static NOINLINE void core_backward(const float *x, float *g, int64_t row_floats, int64_t columns, const Call &call,
                                   int64_t row, Sums sums, FetchBoth *fetch) {
    const vf factor = gradient_factor(call, !call.scale), first = gradient_factor(call, true);
    const bool keep = !PLAIN && call.plan->g.keep_first && row == 0;
    const int N = R < BACKWARD_GROUP ? R : BACKWARD_GROUP;
    Walk<R, const float> x_at(x, row_floats);
    Walk<R, float> g_at(g, row_floats);
    for (int64_t c = 0; c < columns; c++, x_at.next(), g_at.next()) {
        vf v[R], u[R];
        Each<R>::run([&](int j) UNROLLED { v[j] = load(x_at.row(j)); });
        Butterfly<R>::run(v);
        Each<R>::run([&](int j) UNROLLED { u[j] = load(g_at.row(j)); });
        Butterfly<R>::run(u);
        const vf kept = u[0] * first;
        Each<R / N>::run([&](int i) UNROLLED {
            coefficients<N, KIND, PLAIN>(v + i * N, u + i * N, call, sums, factor, AtRow{row + i * N});
        });
        if (keep) u[0] = kept;
        Butterfly<R>::run(u);
        Each<R>::run([&](int j) UNROLLED { store(g_at.row(j), u[j]); });
        if (fetch) fetch->pace(BACKWARD_WEIGHT * R);
    }
}

template <int R, int KIND>
static INLINE void core_backward_of(const float *x, float *g, int64_t row_floats, int64_t columns, const Call &call,
                                    int64_t row, Sums sums, FetchBoth *fetch) {
    const bool plain = R == 8 && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !call.scale && !call.plan->g.keep_first) core_backward<R, KIND, plain>(x, g, row_floats, columns, call, row, sums, fetch);
    else core_backward<R, KIND, false>(x, g, row_floats, columns, call, row, sums, fetch);
}

template <int KIND>
static INLINE void run_core_backward(int radix, const float *x, float *g, int64_t row_floats, int64_t columns,
                                     const Call &call, int64_t row, Sums sums, FetchBoth *fetch) {
    switch (radix) {
        case 1: return core_backward_of<1, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
        case 2: return core_backward_of<2, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
        case 4: return core_backward_of<4, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
        default: return core_backward_of<8, KIND>(x, g, row_floats, columns, call, row, sums, fetch);
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
template <int V, int LANES, int KIND, bool PLAIN>
static NOINLINE void row_backward_of(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const vf factor = gradient_factor(call, !call.scale), first = gradient_factor(call, true);
    const bool keep = !PLAIN && call.plan->g.keep_first && at == 0;
    const int N = V < BACKWARD_GROUP ? V : BACKWARD_GROUP;
    for (int64_t r = 0; r < rows; r++, x += V * VL, g += V * VL, out += V * VL) {
        vf v[V], u[V];
        Each<V>::run([&](int i) UNROLLED { v[i] = load(x + i * VL); });
        Butterfly<V>::run(v);
        InVector<V, LANES>::run(v);
        Each<V>::run([&](int i) UNROLLED { u[i] = load(g + i * VL); });
        Butterfly<V>::run(u);
        InVector<V, LANES>::run(u);
        const vf kept = u[0] * first;
        Each<V / N>::run([&](int i) UNROLLED {
            coefficients<N, KIND, PLAIN>(v + i * N, u + i * N, call, sums, factor, AtLanes{at + i * N * VL});
        });
        if (keep) u[0] = call.first_lanes ? kept : u[0];
        InVector<V, LANES>::run(u);
        Butterfly<V>::run(u);
        Each<V>::run([&](int i) UNROLLED { store(out + i * VL, u[i]); });
    }
}

template <int V, int LANES, int KIND>
static INLINE void row_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at, Sums sums) {
    const bool plain = LANES == VL && KIND == SMOOTH;  // the usual case alone: code takes time to build
    if (plain && !call.scale && !call.plan->g.keep_first) row_backward_of<V, LANES, KIND, plain>(x, g, out, rows, call, at, sums);
    else row_backward_of<V, LANES, KIND, false>(x, g, out, rows, call, at, sums);
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
    Ahead x, g;
};

static INLINE void row_core_backward(const float *x, const float *g, float *out, int64_t rows, const Call &call, int64_t at,
                                     Sums sums) {
    const Levels &levels = call.plan->backward;
    const int vectors = levels.radix[levels.count - 1];
    if (call.plan->g.nonlinearity == SMOOTH)
        run_row_backward<SMOOTH>(vectors, call.plan->length, x, g, out, rows, call, at, sums);
    else run_row_backward<SOFT>(vectors, call.plan->length, x, g, out, rows, call, at, sums);
}

// Parts of x and of the gradient in scratch, at `level`, a level below the top; the gradient of x replaces g.
static void row_levels_backward(int level, float *x, float *g, const Levels &levels, const Call &call, int64_t at,
                                Sums sums, AheadRows ahead) {
    const int radix = levels.radix[level];
    if (level == levels.count - 1) {
        if (ahead.x.row) {
            fetch_lines(ahead.x.row + at * ahead.x.bytes, radix * VL * ahead.x.bytes);
            fetch_lines(ahead.g.row + at * ahead.g.bytes, radix * VL * ahead.g.bytes);
        }
        return row_core_backward(x, g, g, 1, call, at, sums);
    }
    const int64_t part = levels.rows[level + 1] * VL;
    row_stage<false>(radix, x, part, x, part, part / VL);
    row_stage<false>(radix, g, part, g, part, part / VL);
    for (int j = 0; j < radix; j++)
        row_levels_backward(level + 1, x + j * part, g + j * part, levels, call, at + j * part, sums, ahead);
    row_stage<false>(radix, g, part, g, part, part / VL);
}

// Rows that are done in registers, or one of several levels: from x and g to `out`, which may be one of them.
template <class T>
static void row_through_backward(const T *x_in, const T *g_in, T *out, float *x, float *g, const Call &call, Sums sums,
                                 bool past_cache, AheadRows ahead) {
    const Levels &levels = call.plan->backward;
    const int radix = levels.radix[0];
    const int64_t part = levels.rows[1] * VL;
    row_stage<false>(radix, x_in, part, x, part, part / VL);
    row_stage<false>(radix, g_in, part, g, part, part / VL);
    for (int j = 0; j < radix; j++) row_levels_backward(1, x + j * part, g + j * part, levels, call, j * part, sums, ahead);
    if (past_cache) row_stage<true>(radix, g, part, out, part, part / VL);
    else row_stage<false>(radix, g, part, out, part, part / VL);
}

template <class T>
static void rows_units(Call &call, int64_t begin, int64_t end, float *x_scratch, float *g_scratch, Sums sums) {
    const Plan &plan = *call.plan;
    const Geometry &o = plan.g;
    const bool levels = plan.backward.count > 1, is_float = sizeof(T) == sizeof(float);
    const T *x = (const T *)call.x, *g = (const T *)call.g;
    T *y = (T *)call.y;
    const int64_t length = plan.length, all = o.outer * o.blocks;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t row = unit * plan.batch, rows = all - row < plan.batch ? all - row : plan.batch, from = row * length;
        const int64_t filled = rows * length, vectors = (filled + VL - 1) / VL;
        if (plan.whole && levels) {
            const Ahead x_ahead = {plan.prefetch ? (const char *)(x + from + length) : 0, sizeof(T)};
            const Ahead g_ahead = {plan.prefetch ? (const char *)(g + from + length) : 0, sizeof(T)};
            row_through_backward(x + from, g + from, y + from, x_scratch, g_scratch, call, sums,
                                 call.past_cache && (uintptr_t)(y + from) % sizeof(vf) == 0, AheadRows{x_ahead, g_ahead});
            continue;
        }
        if (plan.whole && is_float && (length >= VL || filled % VL == 0)) {
            row_core_backward((const float *)call.x + from, (const float *)call.g + from, (float *)call.y + from,
                              length >= VL ? rows : vectors, call, 0, sums);
            continue;
        }
        for (int64_t r = 0; r < rows; r++) {
            RowPlace p = row_place(o, row + r);
            gather(x + p.x, x + plan.x_extent, o.n1, p.n2, o.x1, o.p1, o.p2, x_scratch + r * length);
            gather(g + p.y, g + plan.y_extent, o.m1, p.m2, o.y1, o.p1, o.p2, g_scratch + r * length);
        }
        for (int64_t i = filled; i < vectors * VL; i++) x_scratch[i] = g_scratch[i] = 0;
        if (levels)
            row_through_backward(x_scratch, g_scratch, g_scratch, x_scratch, g_scratch, call, sums, false,
                                 AheadRows{{0, 0}, {0, 0}});
        else row_core_backward(x_scratch, g_scratch, g_scratch, length >= VL ? rows : vectors, call, 0, sums);
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
    // Without scales the sums themselves go through the nonlinearity, which knows the factor from them to w.
    const bool fold = !scale && plan.forward_factor > 1e-3 && plan.forward_factor < 1e3;
    fill_tables(plan, threshold, 1, scale, plan.forward_factor, tables, fold ? 0 : tables + count);
    call.constants.set_backward(fold ? plan.forward_factor : 1);
    call.threshold = tables;
    call.scale = fold ? 0 : tables + count;
    call.partial = (double *)(tables + 2 * count);
    for (int l = 0; l < VL; l++) call.first_lanes[l] = l % length == 0 ? -1 : 0;
    call.past_cache = plan.past_cache_backward;
    parallel_for(&pool, threads, call.chunks, 1, chunks_backward<Element>, &call);
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
