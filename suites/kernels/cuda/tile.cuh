#define WHT_THREADS (WHT_LANES * WHT_PIXELS * WHT_TILES)
#define WHT_N (1 << WHT_LOG2N)
#define WHT_TILE (WHT_SLOTS * WHT_LANES)
#define WHT_SPAN (WHT_SLOTS / WHT_LANES)
#define WHT_ROUND_LANES (WHT_LANES / WHT_ROUNDS)
// Threads of a warp whose pixels lie in one row of shared memory are told apart by exclusive-or of this many rows.
#define WHT_BANK_ROWS (WHT_PIXELS >= 32 ? 1 : (32 / WHT_PIXELS < WHT_ROUND_LANES ? 32 / WHT_PIXELS : WHT_ROUND_LANES))
#define WHT_BANK_ROWS_MOST 16
#define WHT_EXCHANGE_WORDS (WHT_LANES == 1 ? 0 : WHT_PIXELS == 1 ? WHT_TILES * (WHT_TILE + WHT_LANES) \
                                                                 : WHT_TILE / WHT_ROUNDS * WHT_PIXELS)
// Partial sums over the transforms of one thread block, for the gradients of T and of the scale.
#define WHT_PARTS (WHT_STRIDED ? (WHT_PIXELS > 32 ? WHT_PIXELS / 32 : 1) : WHT_TILES * (WHT_TILE / WHT_N))
#define WHT_CHUNK (WHT_PIXELS < 8 ? (WHT_PIXELS < WHT_SLOTS ? WHT_PIXELS : WHT_SLOTS) : (WHT_SLOTS < 8 ? WHT_SLOTS : 8))
#define WHT_CHUNK_MOST 8
#define WHT_SUM_WORDS (WHT_PARTS * WHT_N)
// With 64 slots the registers do not hold the sums too: every thread keeps those for the scale (for T where there is
// no scale) here.
#define WHT_KEPT_WORDS (WHT_SLOTS == 64 ? WHT_SLOTS / WHT_CHUNK * WHT_THREADS : 0)
#define WHT_BACKWARD_WORDS \
    ((WHT_EXCHANGE_WORDS > WHT_SUM_WORDS ? WHT_EXCHANGE_WORDS : WHT_SUM_WORDS) + WHT_KEPT_WORDS)

// Strides, in elements, of the two outer indices, of a plane's rows, and between points.
struct WhtView {
    wht_int64 outer0, outer1;
    int high, step;
};

// Division by a number known before the launch: quotient = (high(n * factor) + n) >> shift, exact below 2^31.
struct WhtDivisor {
    unsigned value, factor, shift;
};

struct WhtParams {
    const void *x, *g;
    void *y;
    const float *threshold, *scale;
    float *partial, *grad_threshold, *grad_scale;
    WhtView x_view, g_view, y_view;
    WhtDivisor inner, outer1;
    unsigned units;
    int length_in, length_out, plane_height, plane_width, partial_rows;
    float alpha, beta;
};

// Where a thread stands: lane j, pixel p, tile q of its block, and the first transform of its tile.
struct WhtPlace {
    int j, p, q;
    unsigned unit;
};

WHT_INLINE unsigned wht_divide(unsigned n, WhtDivisor by) {
    return (wht_multiply_high(n, by.factor) + n) >> by.shift;
}

WHT_INLINE WhtPlace wht_place(unsigned thread, unsigned tile) {
    WhtPlace at;
    at.p = thread % WHT_PIXELS;
    at.j = thread / WHT_PIXELS % WHT_LANES;
    at.q = thread / (WHT_PIXELS * WHT_LANES);
    at.unit = WHT_STRIDED ? tile * WHT_PIXELS + at.p : (tile * WHT_TILES + at.q) * (WHT_TILE / WHT_N);
    return at;
}

// The first point of a transform, from the first element of the tensor, and its index in a split axis.
struct WhtStart {
    wht_int64 offset;
    int point;
};

WHT_INLINE WhtStart wht_start(const WhtParams &args, const WhtView &view, unsigned unit) {
    unsigned outer = unit, pixel = 0;
    if (WHT_STRIDED) {
        outer = wht_divide(unit, args.inner);
        pixel = unit - outer * args.inner.value;
    }
    WhtStart start;
    start.point = 0;
    if (WHT_SPLIT) {
        unsigned first = wht_divide(outer, args.outer1);
        unsigned second = outer - first * args.outer1.value;
        start.offset = first * view.outer0 + second * view.outer1 + pixel;
        if (WHT_SPLIT == 1) start.point = (int)second << WHT_LOG2N;
    } else {
        start.offset = outer * view.outer0 + pixel;
    }
    return start;
}

// Strides between the points of one tile.
struct WhtSteps {
    int row, high, step;
};

WHT_INLINE WhtSteps wht_steps(const WhtView &view, int tensor) {
    WhtSteps steps;
    if (WHT_FIXED) {
        // Known when compiled: every address of a thread is then one register and a constant.
        steps.row = tensor == 0 ? WHT_X_ROW : tensor == 1 ? WHT_G_ROW : WHT_Y_ROW;
        steps.high = tensor == 0 ? WHT_X_HIGH : tensor == 1 ? WHT_G_HIGH : WHT_Y_HIGH;
        steps.step = tensor == 0 ? WHT_X_STEP : tensor == 1 ? WHT_G_STEP : WHT_Y_STEP;
    } else {
        steps.row = (int)view.outer0;
        steps.high = view.high;
        steps.step = view.step;
    }
    return steps;
}

// A tile's position i*G + j has no bit in common between its terms, so rows, heights, widths and offsets of the two
// terms just add up: j's share is worked out once for a thread, i's when compiling.
WHT_INLINE int wht_row(int position) { return WHT_STRIDED ? 0 : position >> WHT_LOG2N; }
WHT_INLINE int wht_point(int position) { return position & (WHT_N - 1); }
WHT_INLINE int wht_high(int position) { return WHT_PLANE ? wht_point(position) >> WHT_LOG2W : 0; }
WHT_INLINE int wht_wide(int position) { return WHT_PLANE ? position & ((1 << WHT_LOG2W) - 1) : wht_point(position); }

WHT_INLINE int wht_offset(const WhtSteps &steps, int position) {
    int row = WHT_STRIDED || WHT_SPLIT ? 0 : wht_row(position) * steps.row;
    return row + wht_high(position) * steps.high + wht_wide(position) * (WHT_STRIDED ? steps.step : 1);
}

// Elements from the start of the tensor to slot 0 of a thread. Opaque to the compiler, which would otherwise merge it
// with the constant of each slot and then work out every address anew.
WHT_INLINE wht_int64 wht_lane_offset(const WhtStart &start, const WhtSteps &steps, const WhtPlace &at) {
    wht_int64 offset = start.offset + wht_offset(steps, at.j);
    WHT_OPAQUE(offset);
    return offset;
}

// What lies beyond the tensor: transforms (rows of the tile) from `rows` on, points from the lengths on.
struct WhtBounds {
    int rows, high, wide;
};

WHT_INLINE WhtBounds wht_bounds(const WhtParams &args, const WhtPlace &at, const WhtStart &start, int length) {
    WhtBounds bounds;
    unsigned left = at.unit < args.units ? args.units - at.unit : 0;
    int most = WHT_STRIDED ? 1 : WHT_TILE / WHT_N;
    bounds.rows = (left < (unsigned)most ? (int)left : most) - wht_row(at.j);
    bounds.high = args.plane_height - wht_high(at.j);
    bounds.wide = (WHT_PLANE ? args.plane_width : length - start.point) - wht_wide(at.j);
    return bounds;
}

WHT_INLINE bool wht_inside(const WhtBounds &bounds, int i, bool crop) {
    int position = i * WHT_LANES;
    bool inside = wht_row(position) < bounds.rows;
    if (crop) inside = inside && wht_wide(position) < bounds.wide && (!WHT_PLANE || wht_high(position) < bounds.high);
    return inside;
}

// Whether slot i begins another transform than the slot before.
WHT_INLINE bool wht_next_row(int i) {
    return !WHT_STRIDED && (WHT_N < WHT_LANES || i * WHT_LANES % WHT_N == 0);
}

WHT_INLINE WhtPlace wht_row_place(const WhtParams &args, WhtPlace at, int i) {
    at.unit += wht_row(i * WHT_LANES) + wht_row(at.j);
    at.unit = at.unit < args.units ? at.unit : 0;
    return at;
}

WHT_INLINE void wht_load(const WhtParams &args, const void *from, const WhtView &view, int tensor, int length,
                         bool crop, const WhtPlace &at, float *v) {
    WhtSteps steps = wht_steps(view, tensor);
    WhtStart start = wht_start(args, view, at.unit < args.units ? at.unit : 0);
    WhtBounds bounds = wht_bounds(args, at, start, length);
    wht_source lane = (wht_source)from + wht_lane_offset(start, steps, at);
    if (bounds.rows <= 0) {
        WHT_UNROLL
        for (int i = 0; i < WHT_SLOTS; ++i) v[i] = 0.0f;
        return;
    }
    WHT_UNROLL
    for (int i = 0; i < WHT_SLOTS; ++i) {
        if (WHT_SPLIT && wht_next_row(i)) {
            start = wht_start(args, view, wht_row_place(args, at, i).unit);
            bounds.wide = wht_bounds(args, at, start, length).wide;
            lane = (wht_source)from + wht_lane_offset(start, steps, at);
        }
        v[i] = wht_inside(bounds, i, crop) ? wht_get(lane, wht_offset(steps, i * WHT_LANES)) : 0.0f;
    }
}

// Stores v, plus the tensor `add` where the layer has a residual.
WHT_INLINE void wht_store(const WhtParams &args, const WhtPlace &at, int length, bool crop, const float *v,
                          const void *add, const WhtView &add_view, int add_tensor, int add_length, bool add_crop) {
    WhtSteps steps = wht_steps(args.y_view, 2), add_steps = wht_steps(add_view, add_tensor);
    unsigned unit = at.unit < args.units ? at.unit : 0;
    WhtStart start = wht_start(args, args.y_view, unit);
    WhtBounds bounds = wht_bounds(args, at, start, length), add_bounds = wht_bounds(args, at, start, add_length);
    wht_target lane = (wht_target)args.y + wht_lane_offset(start, steps, at);
    wht_source add_lane = (wht_source)add;
    if (WHT_RESIDUAL) add_lane = add_lane + wht_lane_offset(wht_start(args, add_view, unit), add_steps, at);
    if (bounds.rows <= 0) return;
    WHT_UNROLL
    for (int i = 0; i < WHT_SLOTS; ++i) {
        if (WHT_SPLIT && wht_next_row(i)) {
            unit = wht_row_place(args, at, i).unit;
            start = wht_start(args, args.y_view, unit);
            bounds.wide = wht_bounds(args, at, start, length).wide;
            add_bounds.wide = wht_bounds(args, at, start, add_length).wide;
            lane = (wht_target)args.y + wht_lane_offset(start, steps, at);
            if (WHT_RESIDUAL) {
                add_lane = (wht_source)add + wht_lane_offset(wht_start(args, add_view, unit), add_steps, at);
            }
        }
        if (!wht_inside(bounds, i, crop)) continue;
        float value = v[i];
        if (WHT_RESIDUAL && wht_inside(add_bounds, i, add_crop)) {
            value += wht_get(add_lane, wht_offset(add_steps, i * WHT_LANES));
        }
        wht_put(lane, wht_offset(steps, i * WHT_LANES), value);
    }
}
