// One fused Walsh-Hadamard layer: y = beta * H f(alpha * H x), one read and one write of memory.
//
// f is the smooth threshold tanh(w) * max(|w| - T, 0) or the soft threshold sign(w) * max(|w| - T, 0) of w = a v.
// A set of macros, given by geometry.py, names one kernel:
//
//   WHT_LOG2N    n: N = 2^n points are transformed
//   WHT_SLOTS    E: points a thread holds in registers         WHT_LANES   G: threads that share a tile of E*G points
//   WHT_PIXELS   P: neighbouring pixels of a tile (1 for rows) WHT_TILES   Q: tiles of a thread block
//   WHT_ROUNDS   R: steps of an exchange; shared memory shrinks by R
//   WHT_STRIDED  1: the points of one transform lie `step` apart and neighbours in memory are independent pixels
//                0: they are neighbours in memory; a tile is E*G/N whole rows
//   WHT_CROP_IN, WHT_CROP_OUT   points beyond the length are zeros (read) or dropped (written)
//   WHT_PLANE    the points are a plane whose sides are not both powers of two; WHT_LOG2W: its padded width
//   WHT_FIXED    1: the strides within a tile are macros too (WHT_X_ROW, WHT_X_HIGH, WHT_X_STEP, ...)
//   WHT_SPLIT    transforms are counted by two indices, each with its own stride; 1: the second one counts blocks
//   WHT_SMOOTH, WHT_MODE (0 raw, 1 absolute, 2 clamped T), WHT_SCALED, WHT_KEEP_FIRST, WHT_RESIDUAL
//   WHT_FORWARD, WHT_BACKWARD   which kernels to build
//
// A tile has E*G*P values. Thread (j, p) first holds points i*G + j (slot i), so that loads are coalesced, and
// transforms the high bits of the index in registers. One exchange through shared memory gives it the points
// j*E + ..., whose low bits it then transforms; after the threshold the same steps run backwards.

#ifndef GPU_EMULATED
#define WHT_SLOT_ARRAY WHT_SLOTS
#endif
#define GPU_THREADS (WHT_LANES * WHT_PIXELS * WHT_TILES)
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
#define WHT_KEPT_WORDS (WHT_SLOTS == 64 ? WHT_SLOTS / WHT_CHUNK * GPU_THREADS : 0)
#define WHT_BACKWARD_WORDS \
    ((WHT_EXCHANGE_WORDS > WHT_SUM_WORDS ? WHT_EXCHANGE_WORDS : WHT_SUM_WORDS) + WHT_KEPT_WORDS)

// Strides, in elements, of the two outer indices, of a plane's rows, and between points.
struct WhtView {
    gpu_int64 outer0, outer1;
    int high, step;
};

struct WhtParams {
    const void *x, *g;
    void *y;
    const float *threshold, *scale;
    float *partial, *grad_threshold, *grad_scale;
    WhtView x_view, g_view, y_view;
    GpuDivisor inner, outer1;
    unsigned units;
    int length_in, length_out, plane_height, plane_width, partial_rows;
    float alpha, beta;
};

// Where a thread stands: lane j, pixel p, tile q of its block, and the first transform of its tile.
struct WhtPlace {
    int j, p, q;
    unsigned unit;
};

GPU_INLINE WhtPlace wht_place(unsigned thread, unsigned tile) {
    WhtPlace at;
    at.p = thread % WHT_PIXELS;
    at.j = thread / WHT_PIXELS % WHT_LANES;
    at.q = thread / (WHT_PIXELS * WHT_LANES);
    at.unit = WHT_STRIDED ? tile * WHT_PIXELS + at.p : (tile * WHT_TILES + at.q) * (WHT_TILE / WHT_N);
    return at;
}

// The first point of a transform, from the first element of the tensor, and its index in a split axis.
struct WhtStart {
    gpu_int64 offset;
    int point;
};

GPU_INLINE WhtStart wht_start(const WhtParams &args, const WhtView &view, unsigned unit) {
    unsigned outer = unit, pixel = 0;
    if (WHT_STRIDED) {
        outer = gpu_divide(unit, args.inner);
        pixel = unit - outer * args.inner.value;
    }
    WhtStart start;
    start.point = 0;
    if (WHT_SPLIT) {
        unsigned first = gpu_divide(outer, args.outer1);
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

GPU_INLINE WhtSteps wht_steps(const WhtView &view, int tensor) {
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
GPU_INLINE int wht_row(int position) { return WHT_STRIDED ? 0 : position >> WHT_LOG2N; }
GPU_INLINE int wht_point(int position) { return position & (WHT_N - 1); }
GPU_INLINE int wht_high(int position) { return WHT_PLANE ? wht_point(position) >> WHT_LOG2W : 0; }
GPU_INLINE int wht_wide(int position) { return WHT_PLANE ? position & ((1 << WHT_LOG2W) - 1) : wht_point(position); }

GPU_INLINE int wht_offset(const WhtSteps &steps, int position) {
    int row = WHT_STRIDED || WHT_SPLIT ? 0 : wht_row(position) * steps.row;
    return row + wht_high(position) * steps.high + wht_wide(position) * (WHT_STRIDED ? steps.step : 1);
}

// Elements from the start of the tensor to slot 0 of a thread. Opaque to the compiler, which would otherwise merge it
// with the constant of each slot and then work out every address anew.
GPU_INLINE gpu_int64 wht_lane_offset(const WhtStart &start, const WhtSteps &steps, const WhtPlace &at) {
    gpu_int64 offset = start.offset + wht_offset(steps, at.j);
    GPU_OPAQUE(offset);
    return offset;
}

// What lies beyond the tensor: transforms (rows of the tile) from `rows` on, points from the lengths on.
struct WhtBounds {
    int rows, high, wide;
};

GPU_INLINE WhtBounds wht_bounds(const WhtParams &args, const WhtPlace &at, const WhtStart &start, int length) {
    WhtBounds bounds;
    unsigned left = at.unit < args.units ? args.units - at.unit : 0;
    int most = WHT_STRIDED ? 1 : WHT_TILE / WHT_N;
    bounds.rows = (left < (unsigned)most ? (int)left : most) - wht_row(at.j);
    bounds.high = args.plane_height - wht_high(at.j);
    bounds.wide = (WHT_PLANE ? args.plane_width : length - start.point) - wht_wide(at.j);
    return bounds;
}

GPU_INLINE bool wht_inside(const WhtBounds &bounds, int i, bool crop) {
    int position = i * WHT_LANES;
    bool inside = wht_row(position) < bounds.rows;
    if (crop) inside = inside && wht_wide(position) < bounds.wide && (!WHT_PLANE || wht_high(position) < bounds.high);
    return inside;
}

// Whether slot i begins another transform than the slot before.
GPU_INLINE bool wht_next_row(int i) {
    return !WHT_STRIDED && (WHT_N < WHT_LANES || i * WHT_LANES % WHT_N == 0);
}

GPU_INLINE WhtPlace wht_row_place(const WhtParams &args, WhtPlace at, int i) {
    at.unit += wht_row(i * WHT_LANES) + wht_row(at.j);
    at.unit = at.unit < args.units ? at.unit : 0;
    return at;
}

GPU_INLINE void wht_load(const WhtParams &args, const void *from, const WhtView &view, int tensor, int length,
                         bool crop, const WhtPlace &at, float *v) {
    WhtSteps steps = wht_steps(view, tensor);
    WhtStart start = wht_start(args, view, at.unit < args.units ? at.unit : 0);
    WhtBounds bounds = wht_bounds(args, at, start, length);
    gpu_source lane = (gpu_source)from + wht_lane_offset(start, steps, at);
    if (bounds.rows <= 0) {
        GPU_UNROLL
        for (int i = 0; i < WHT_SLOTS; ++i) v[i] = 0.0f;
        return;
    }
    GPU_UNROLL
    for (int i = 0; i < WHT_SLOTS; ++i) {
        if (WHT_SPLIT && wht_next_row(i)) {
            start = wht_start(args, view, wht_row_place(args, at, i).unit);
            bounds.wide = wht_bounds(args, at, start, length).wide;
            lane = (gpu_source)from + wht_lane_offset(start, steps, at);
        }
        v[i] = wht_inside(bounds, i, crop) ? gpu_get(lane, wht_offset(steps, i * WHT_LANES)) : 0.0f;
    }
}

// Stores v, plus the tensor `add` where the layer has a residual.
GPU_INLINE void wht_store(const WhtParams &args, const WhtPlace &at, int length, bool crop, const float *v,
                          const void *add, const WhtView &add_view, int add_tensor, int add_length, bool add_crop) {
    WhtSteps steps = wht_steps(args.y_view, 2), add_steps = wht_steps(add_view, add_tensor);
    unsigned unit = at.unit < args.units ? at.unit : 0;
    WhtStart start = wht_start(args, args.y_view, unit);
    WhtBounds bounds = wht_bounds(args, at, start, length), add_bounds = wht_bounds(args, at, start, add_length);
    gpu_target lane = (gpu_target)args.y + wht_lane_offset(start, steps, at);
    gpu_source add_lane = (gpu_source)add;
    if (WHT_RESIDUAL) add_lane = add_lane + wht_lane_offset(wht_start(args, add_view, unit), add_steps, at);
    if (bounds.rows <= 0) return;
    GPU_UNROLL
    for (int i = 0; i < WHT_SLOTS; ++i) {
        if (WHT_SPLIT && wht_next_row(i)) {
            unit = wht_row_place(args, at, i).unit;
            start = wht_start(args, args.y_view, unit);
            bounds.wide = wht_bounds(args, at, start, length).wide;
            add_bounds.wide = wht_bounds(args, at, start, add_length).wide;
            lane = (gpu_target)args.y + wht_lane_offset(start, steps, at);
            if (WHT_RESIDUAL) {
                add_lane = (gpu_source)add + wht_lane_offset(wht_start(args, add_view, unit), add_steps, at);
            }
        }
        if (!wht_inside(bounds, i, crop)) continue;
        float value = v[i];
        if (WHT_RESIDUAL && wht_inside(add_bounds, i, add_crop)) {
            value += gpu_get(add_lane, wht_offset(add_steps, i * WHT_LANES));
        }
        gpu_put(lane, wht_offset(steps, i * WHT_LANES), value);
    }
}
