// One fused Walsh-Hadamard layer: y = beta * H f(alpha * H x), one read and one write of memory.
//
// f is the smooth threshold tanh(w) * max(|w| - T, 0) or the soft threshold sign(w) * max(|w| - T, 0) of w = a v.
// The same text is compiled by nvcc (10.2 and newer), by NVRTC, and, with a shim in place of the built-in
// variables, by a host compiler for the tests. A set of macros, given by geometry.py, names one kernel:
//
//   WHT_LOG2N    n: N = 2^n points are transformed
//   WHT_SLOTS    E: points a thread holds in registers         WHT_LANES   G: threads that share a tile of E*G points
//   WHT_PIXELS   P: neighbouring pixels of a tile (1 for rows) WHT_TILES   Q: tiles of a thread block
//   WHT_ROUNDS   R: steps of an exchange; shared memory shrinks by R
//   WHT_STRIDED  1: the points of one transform lie `step` apart and neighbours in memory are independent pixels
//                0: they are neighbours in memory; a tile is E*G/N whole rows
//   WHT_CROP_IN, WHT_CROP_OUT   points beyond the length are zeros (read) or dropped (written)
//   WHT_PLANE    the points are a plane whose sides are not both powers of two; WHT_LOG2W: its padded width
//   WHT_SPLIT    transforms are counted by two indices, each with its own stride; 1: the second one counts blocks
//   WHT_DTYPE    0 float32, 1 float16, 2 bfloat16
//   WHT_SMOOTH, WHT_MODE (0 raw, 1 absolute, 2 clamped T), WHT_SCALED, WHT_KEEP_FIRST, WHT_RESIDUAL
//   WHT_FORWARD, WHT_BACKWARD   which kernels to build; WHT_MIN_BLOCKS   thread blocks wanted on a multiprocessor
//
// A tile has E*G*P values. Thread (j, p) first holds points i*G + j (slot i), so that loads are coalesced, and
// transforms the high bits of the index in registers. One exchange through shared memory gives it the points
// j*E + ..., whose low bits it then transforms; after the threshold the same steps run backwards.

#ifndef WHT_EMULATED
typedef long long wht_int64;
#define WHT_THREADS (WHT_LANES * WHT_PIXELS * WHT_TILES)
#define WHT_SLOT_ARRAY WHT_SLOTS
#define WHT_INLINE static __device__ __forceinline__
#define WHT_KERNEL extern "C" __global__ void __launch_bounds__(WHT_THREADS, WHT_MIN_BLOCKS)
#define WHT_SMALL_KERNEL extern "C" __global__ void __launch_bounds__(256)
#define WHT_UNROLL _Pragma("unroll")
#define WHT_BLOCK_BARRIER() __syncthreads()
#define WHT_WARP_BARRIER() __syncwarp()
#define WHT_SHUFFLE_XOR(value, mask) __shfl_xor_sync(0xffffffffu, value, mask)
#define WHT_SHARED_PUT(shared, word, value) (shared)[word] = (value)
#define WHT_SHARED_GET(shared, word) (shared)[word]
#if WHT_DYNAMIC_SHARED
#define WHT_SHARED_BUFFER(name, words) extern __shared__ float name[]
#else
#define WHT_SHARED_BUFFER(name, words) __shared__ float name[words]
#endif
#if WHT_DTYPE == 0
typedef float wht_stored;
#else
typedef unsigned short wht_stored;
#endif
typedef const wht_stored *wht_source;
typedef wht_stored *wht_target;

WHT_INLINE float wht_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

WHT_INLINE float wht_reciprocal(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

WHT_INLINE unsigned wht_multiply_high(unsigned a, unsigned b) { return __umulhi(a, b); }

WHT_INLINE float wht_get(wht_source from, int index) {
#if WHT_DTYPE == 0
    return __ldg(from + index);
#elif WHT_DTYPE == 1
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(__ldg(from + index)));
    return value;
#else
    return __uint_as_float((unsigned)__ldg(from + index) << 16);
#endif
}

WHT_INLINE void wht_put(wht_target to, int index, float value) {
#if WHT_DTYPE == 0
    to[index] = value;
#elif WHT_DTYPE == 1
    unsigned short half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    to[index] = half;
#else
    // Round to nearest even by hand: the instruction for it begins with sm_80.
    unsigned bits = __float_as_uint(value);
    unsigned rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    to[index] = (unsigned short)(value != value ? 0x7fc0u : rounded);
#endif
}

WHT_INLINE float wht_parameter(const float *from, int index) { return __ldg(from + index); }
#endif  // WHT_EMULATED

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
#define WHT_BACKWARD_WORDS (WHT_EXCHANGE_WORDS > WHT_SUM_WORDS ? WHT_EXCHANGE_WORDS : WHT_SUM_WORDS)

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

WHT_INLINE bool wht_inside(const WhtParams &args, int point, int length) {
    if (WHT_PLANE) {
        return (point >> WHT_LOG2W) < args.plane_height && (point & ((1 << WHT_LOG2W) - 1)) < args.plane_width;
    }
    return point < length;
}

WHT_INLINE int wht_offset(const WhtView &view, int point) {
    if (WHT_PLANE) {
        return (point >> WHT_LOG2W) * view.high + (point & ((1 << WHT_LOG2W) - 1)) * (WHT_STRIDED ? view.step : 1);
    }
    return WHT_STRIDED ? point * view.step : point;
}

// The row of its tile and the point in it that slot i holds while values come from or go to memory.
WHT_INLINE int wht_row(int i, int j) {
    return WHT_N >= WHT_LANES ? (i * WHT_LANES) >> WHT_LOG2N : i * (WHT_LANES / WHT_N) + (j >> WHT_LOG2N);
}

WHT_INLINE int wht_point(int i, int j) {
    return WHT_N >= WHT_LANES ? ((i * WHT_LANES) & (WHT_N - 1)) + j : j & (WHT_N - 1);
}

WHT_INLINE void wht_load(const WhtParams &args, const void *from, const WhtView &view, int length, bool crop,
                         const WhtPlace &at, float *v) {
    wht_source source = (wht_source)from;
    WhtStart start = wht_start(args, view, at.unit < args.units ? at.unit : 0);
    wht_source base = source + start.offset;
    WHT_UNROLL
    for (int i = 0; i < WHT_SLOTS; ++i) {
        int row = WHT_STRIDED ? 0 : wht_row(i, at.j);
        int point = wht_point(i, at.j);
        bool inside = at.unit + row < args.units;
        int offset = wht_offset(view, point);
        if (!WHT_STRIDED && WHT_SPLIT) {
            if (i == 0 || WHT_N < WHT_LANES || (i * WHT_LANES) % WHT_N == 0) {
                start = wht_start(args, view, inside ? at.unit + row : 0);
                base = source + start.offset;
            }
        } else if (!WHT_STRIDED) {
            offset += row * (int)view.outer0;
        }
        if (crop) inside = inside && wht_inside(args, start.point + point, length);
        v[i] = inside ? wht_get(base, offset) : 0.0f;
    }
}

WHT_INLINE void wht_store(const WhtParams &args, const WhtPlace &at, int length, bool crop, const float *v,
                          const void *add, const WhtView &add_view, int add_length, bool add_crop) {
    wht_target target = (wht_target)args.y;
    wht_source source = (wht_source)add;
    unsigned unit = at.unit < args.units ? at.unit : 0;
    WhtStart start = wht_start(args, args.y_view, unit);
    wht_target base = target + start.offset;
    wht_source add_base = source + (WHT_RESIDUAL ? wht_start(args, add_view, unit).offset : 0);
    WHT_UNROLL
    for (int i = 0; i < WHT_SLOTS; ++i) {
        int row = WHT_STRIDED ? 0 : wht_row(i, at.j);
        int point = wht_point(i, at.j);
        bool inside = at.unit + row < args.units;
        int offset = wht_offset(args.y_view, point), add_offset = wht_offset(add_view, point);
        if (!WHT_STRIDED && WHT_SPLIT) {
            if (i == 0 || WHT_N < WHT_LANES || (i * WHT_LANES) % WHT_N == 0) {
                unit = inside ? at.unit + row : 0;
                start = wht_start(args, args.y_view, unit);
                base = target + start.offset;
                if (WHT_RESIDUAL) add_base = source + wht_start(args, add_view, unit).offset;
            }
        } else if (!WHT_STRIDED) {
            offset += row * (int)args.y_view.outer0;
            add_offset += row * (int)add_view.outer0;
        }
        if (crop) inside = inside && wht_inside(args, start.point + point, length);
        if (!inside) continue;
        float value = v[i];
        if (WHT_RESIDUAL && (!add_crop || wht_inside(args, start.point + point, add_length))) {
            value += wht_get(add_base, add_offset);
        }
        wht_put(base, offset, value);
    }
}

// Butterflies between the slots whose numbers differ in bits first..last-1.
WHT_INLINE void wht_butterflies(float *v, int first, int last) {
    WHT_UNROLL
    for (int bit = 0; bit < 6; ++bit) {
        if (bit < first || bit >= last) continue;
        WHT_UNROLL
        for (int s = 0; s < WHT_SLOTS; ++s) {
            if (s & (1 << bit)) continue;
            float a = v[s], b = v[s | (1 << bit)];
            v[s] = a + b;
            v[s | (1 << bit)] = a - b;
        }
    }
}

#define WHT_LOG2(x) ((x) >= 64 ? 6 : (x) >= 32 ? 5 : (x) >= 16 ? 4 : (x) >= 8 ? 3 : (x) >= 4 ? 2 : (x) >= 2 ? 1 : 0)

WHT_INLINE void wht_transform_high(float *v) { wht_butterflies(v, 0, WHT_LOG2N - WHT_LOG2(WHT_LANES)); }

// After the exchange the low bits of the point number are the high bits of the slot number.
WHT_INLINE void wht_transform_low(float *v) {
    int bits = WHT_LOG2(WHT_LANES), base = WHT_LOG2(WHT_SLOTS) - bits;
    wht_butterflies(v, base, base + (bits < WHT_LOG2N ? bits : WHT_LOG2N));
}

// The point, counted within the E points of a thread, that slot s holds after the exchange.
WHT_INLINE int wht_low_point(int s) { return s % WHT_SPAN * WHT_LANES + s / WHT_SPAN; }

WHT_INLINE void wht_barrier() {
    if (WHT_LANES * WHT_PIXELS <= 32) {
        WHT_WARP_BARRIER();
    } else {
        WHT_BLOCK_BARRIER();
    }
}

// Words of shared memory of a thread's slots on either side of an exchange. Rows are padded by one word in E.
// With pixels there is no room for padding (it would cost the second thread block of a Maxwell): the row is
// permuted by exclusive-or instead. Either way a warp meets each bank once.
struct WhtWords {
    int high, low, high_rows[WHT_BANK_ROWS_MOST], low_rows[WHT_BANK_ROWS_MOST];
};

WHT_INLINE WhtWords wht_words(const WhtPlace &at) {
    WhtWords words;
    int tile = at.q * (WHT_TILE + WHT_LANES);
    words.high = tile + at.j;
    words.low = tile + at.j * (WHT_SLOTS + 1);
    WHT_UNROLL
    for (int k = 0; k < WHT_BANK_ROWS_MOST; ++k) {
        if (WHT_PIXELS == 1 || k >= WHT_BANK_ROWS) continue;
        words.high_rows[k] = ((at.j % WHT_ROUND_LANES) ^ k) * WHT_PIXELS + at.p;
        words.low_rows[k] = at.j * (WHT_SPAN * WHT_ROUND_LANES * WHT_PIXELS)
                            + (k ^ (at.j % WHT_BANK_ROWS)) * WHT_PIXELS + at.p;
    }
    return words;
}

WHT_INLINE int wht_high_word(const WhtWords &words, int i) {
    if (WHT_PIXELS == 1) return words.high + i * WHT_LANES + i * WHT_LANES / WHT_SLOTS;
    return words.high_rows[i / WHT_SPAN % WHT_BANK_ROWS] + i * (WHT_ROUND_LANES * WHT_PIXELS);
}

WHT_INLINE int wht_low_word(const WhtWords &words, int s) {
    if (WHT_PIXELS == 1) return words.low + wht_low_point(s);
    int lane = s / WHT_SPAN % WHT_ROUND_LANES, row = lane % WHT_BANK_ROWS;
    return words.low_rows[row] + (s % WHT_SPAN) * (WHT_ROUND_LANES * WHT_PIXELS) + (lane - row) * WHT_PIXELS;
}

// Trades slots between the threads of a tile. In round r a thread gives and takes the same E/R slots, those whose
// block number is its own exclusive-or r, so that nothing is overwritten before it has left. The way back uses,
// round by round, the words just read by the same thread: no barrier is needed in between.
WHT_INLINE void wht_exchange(float *v, float *shared, const WhtWords &words, int j, bool back) {
    WHT_UNROLL
    for (int r = 0; r < WHT_ROUNDS; ++r) {
        int mine = WHT_ROUNDS == 1 ? 0 : (j / WHT_ROUND_LANES) ^ (back ? WHT_ROUNDS - 1 - r : r);
        if (r > 0) wht_barrier();
        WHT_UNROLL
        for (int b = 0; b < WHT_ROUNDS; ++b) {
            if (mine != b) continue;
            WHT_UNROLL
            for (int s = b * (WHT_SLOTS / WHT_ROUNDS); s < (b + 1) * (WHT_SLOTS / WHT_ROUNDS); ++s) {
                WHT_SHARED_PUT(shared, back ? wht_low_word(words, s) : wht_high_word(words, s), v[s]);
            }
        }
        wht_barrier();
        WHT_UNROLL
        for (int b = 0; b < WHT_ROUNDS; ++b) {
            if (mine != b) continue;
            WHT_UNROLL
            for (int s = b * (WHT_SLOTS / WHT_ROUNDS); s < (b + 1) * (WHT_SLOTS / WHT_ROUNDS); ++s) {
                v[s] = WHT_SHARED_GET(shared, back ? wht_high_word(words, s) : wht_low_word(words, s));
            }
        }
    }
}

// Coefficient number of slot s after the exchange.
WHT_INLINE int wht_coefficient(int j, int s) { return (j * WHT_SLOTS + wht_low_point(s)) & (WHT_N - 1); }

WHT_INLINE float wht_threshold_of(const WhtParams &args, int coefficient) {
    float threshold = wht_parameter(args.threshold, coefficient);
    if (WHT_MODE == 1) return fabsf(threshold);
    if (WHT_MODE == 2) return threshold < 0.0f ? 0.0f : threshold;
    return threshold;
}

#define WHT_TWO_LOG2_E 2.885390081777927f

WHT_INLINE float wht_forward_value(const WhtParams &args, int coefficient, float v) {
    if (WHT_KEEP_FIRST && coefficient == 0) return v * args.alpha * args.beta;
    float w = v * args.alpha;
    if (WHT_SCALED) w *= wht_parameter(args.scale, coefficient);
    float margin = fabsf(w) - wht_threshold_of(args, coefficient);
    float factor;
    if (WHT_SMOOTH) {
        // beta * tanh(w): 1 - 2 / (exp(2w) + 1) is within 3e-7, and beta rides along in the constants.
        factor = fmaf(-2.0f * args.beta, wht_reciprocal(wht_exp2(w * WHT_TWO_LOG2_E) + 1.0f), args.beta);
    } else {
        factor = WHT_MODE == 0 && w == 0.0f ? 0.0f : copysignf(args.beta, w);
    }
    // A comparison, not a maximum: the maximum of NaN and 0 is 0 on a GPU, and NaN has to come through.
    return margin < 0.0f ? 0.0f : factor * margin;
}

struct WhtSlope {
    float to_x, to_threshold, to_scale;
};

WHT_INLINE WhtSlope wht_backward_value(const WhtParams &args, int coefficient, float v, float g) {
    WhtSlope slope;
    v *= args.alpha;
    g *= args.beta;
    slope.to_x = g * args.alpha;
    slope.to_threshold = slope.to_scale = 0.0f;
    if (WHT_KEEP_FIRST && coefficient == 0) return slope;
    float scale = WHT_SCALED ? wht_parameter(args.scale, coefficient) : 1.0f;
    float w = v * scale;
    float margin = fabsf(w) - wht_threshold_of(args, coefficient);
    float tanh = 0.0f, d = g;
    if (WHT_SMOOTH) {
        tanh = fmaf(-2.0f, wht_reciprocal(wht_exp2(w * WHT_TWO_LOG2_E) + 1.0f), 1.0f);
        d = g * fmaf(fmaf(-tanh, tanh, 1.0f), margin, fabsf(tanh));
    } else {
        tanh = w == 0.0f ? 0.0f : copysignf(1.0f, w);
    }
    bool below = margin <= 0.0f;
    d = below ? 0.0f : d;
    slope.to_threshold = below ? 0.0f : -g * tanh;
    slope.to_x = d * (WHT_SCALED ? scale * args.alpha : args.alpha);
    if (WHT_SCALED) slope.to_scale = d * v;
    return slope;
}

#ifdef WHT_FORWARD
WHT_KERNEL wht_forward(WhtParams args) {
    WHT_SHARED_BUFFER(shared, WHT_EXCHANGE_WORDS == 0 ? 1 : WHT_EXCHANGE_WORDS);
    float v[WHT_SLOT_ARRAY];
    WhtPlace at = wht_place(threadIdx.x, blockIdx.x);
    WhtWords words = wht_words(at);
    wht_load(args, args.x, args.x_view, args.length_in, WHT_CROP_IN, at, v);
    wht_transform_high(v);
    if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, false);
    wht_transform_low(v);
    WHT_UNROLL
    for (int s = 0; s < WHT_SLOTS; ++s) v[s] = wht_forward_value(args, wht_coefficient(at.j, s), v[s]);
    wht_transform_low(v);
    if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, true);
    wht_transform_high(v);
    wht_store(args, at, args.length_out, WHT_CROP_OUT, v, args.x, args.x_view, args.length_in, WHT_CROP_IN);
}
#endif

#ifdef WHT_BACKWARD
// Sums values[k] of every pixel of a warp; the thread of pixel p is left with the sum of values[p % WHT_CHUNK].
WHT_INLINE float wht_sum_pixels(float *values, int p) {
    WHT_UNROLL
    for (int half = WHT_CHUNK_MOST / 2; half >= 1; half /= 2) {
        if (half >= WHT_CHUNK) continue;
        WHT_UNROLL
        for (int k = 0; k < half; ++k) {
            float keep = p & half ? values[k + half] : values[k];
            float send = p & half ? values[k] : values[k + half];
            values[k] = keep + WHT_SHUFFLE_XOR(send, half);
        }
    }
    WHT_UNROLL
    for (int step = 1; step < 32; step *= 2) {
        if (step < WHT_CHUNK || step >= WHT_PIXELS) continue;
        values[0] += WHT_SHUFFLE_XOR(values[0], step);
    }
    return values[0];
}

// Adds up the sums of the threads of a block in a fixed order and writes one row of the partial results.
WHT_INLINE void wht_write_partial(const WhtParams &args, const WhtPlace &at, float *shared, const float *sums,
                                  int which) {
    WHT_BLOCK_BARRIER();
    WHT_UNROLL
    for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) {
        int slot = c * WHT_CHUNK + at.p % WHT_CHUNK;
        if (at.p % 32 >= WHT_CHUNK) continue;
        int word = at.j * WHT_SLOTS + wht_low_point(slot);
        WHT_SHARED_PUT(shared, (WHT_STRIDED ? at.p / 32 * WHT_N : at.q * WHT_TILE) + word, sums[c]);
    }
    WHT_BLOCK_BARRIER();
    for (int c = threadIdx.x; c < WHT_N; c += blockDim.x) {
        float sum = 0.0f;
        for (int part = 0; part < WHT_PARTS; ++part) sum += WHT_SHARED_GET(shared, part * WHT_N + c);
        args.partial[((wht_int64)which * gridDim.x + blockIdx.x) * WHT_N + c] = sum;
    }
}

WHT_KERNEL wht_backward(WhtParams args) {
    WHT_SHARED_BUFFER(shared, WHT_BACKWARD_WORDS);
    float v[WHT_SLOT_ARRAY], g[WHT_SLOT_ARRAY], to_threshold[WHT_SLOT_ARRAY], to_scale[WHT_SLOT_ARRAY];
    WHT_UNROLL
    for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) to_threshold[c] = to_scale[c] = 0.0f;
    unsigned per_block = WHT_STRIDED ? WHT_PIXELS : WHT_TILES * (WHT_TILE / WHT_N);
    WhtWords words = wht_words(wht_place(threadIdx.x, 0));
    for (unsigned tile = blockIdx.x; tile * per_block < args.units; tile += gridDim.x) {
        WhtPlace at = wht_place(threadIdx.x, tile);
        wht_load(args, args.x, args.x_view, args.length_in, WHT_CROP_IN, at, v);
        wht_transform_high(v);
        if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, false);
        wht_transform_low(v);
        wht_load(args, args.g, args.g_view, args.length_out, WHT_CROP_OUT, at, g);
        wht_transform_high(g);
        if (WHT_LANES > 1) {
            wht_barrier();
            wht_exchange(g, shared, words, at.j, false);
        }
        wht_transform_low(g);
        WHT_UNROLL
        for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) {
            float threshold_slopes[WHT_CHUNK_MOST], scale_slopes[WHT_CHUNK_MOST];
            WHT_UNROLL
            for (int k = 0; k < WHT_CHUNK; ++k) {
                int s = c * WHT_CHUNK + k;
                WhtSlope slope = wht_backward_value(args, wht_coefficient(at.j, s), v[s], g[s]);
                v[s] = slope.to_x;
                threshold_slopes[k] = slope.to_threshold;
                scale_slopes[k] = slope.to_scale;
            }
            to_threshold[c] += wht_sum_pixels(threshold_slopes, at.p);
            if (WHT_SCALED) to_scale[c] += wht_sum_pixels(scale_slopes, at.p);
        }
        wht_transform_low(v);
        if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, true);
        wht_transform_high(v);
        wht_store(args, at, args.length_in, WHT_CROP_IN, v, args.g, args.g_view, args.length_out, WHT_CROP_OUT);
    }
    WhtPlace at = wht_place(threadIdx.x, 0);
    wht_write_partial(args, at, shared, to_threshold, 0);
    if (WHT_SCALED) wht_write_partial(args, at, shared, to_scale, 1);
}

// Adds the rows of the partial results in a fixed order: 32 coefficients by 8 threads each; block y 1: the scale.
WHT_SMALL_KERNEL wht_reduce(WhtParams args) {
    WHT_SHARED_BUFFER(shared, 512);
    int column = threadIdx.x % 32, part = threadIdx.x / 32;
    int coefficient = blockIdx.x * 32 + column;
    double sum = 0.0;
    if (coefficient < WHT_N) {
        for (int row = part; row < args.partial_rows; row += 8) {
            sum += args.partial[((wht_int64)blockIdx.y * args.partial_rows + row) * WHT_N + coefficient];
        }
    }
    // Two floats keep the double's precision without a second kind of shared array.
    float whole = (float)sum;
    WHT_SHARED_PUT(shared, threadIdx.x, whole);
    WHT_SHARED_PUT(shared, 256 + threadIdx.x, whole - whole == 0.0f ? (float)(sum - whole) : 0.0f);
    WHT_BLOCK_BARRIER();
    if (part != 0 || coefficient >= WHT_N) return;
    sum = 0.0;
    for (int k = 0; k < 8; ++k) {
        sum += (double)WHT_SHARED_GET(shared, k * 32 + column) + WHT_SHARED_GET(shared, 256 + k * 32 + column);
    }
    if (blockIdx.y == 1) {
        args.grad_scale[coefficient] = (float)sum;
        return;
    }
    float threshold = args.threshold[coefficient], slope = 1.0f;
    if (WHT_MODE == 1) slope = threshold == 0.0f ? 0.0f : copysignf(1.0f, threshold);
    if (WHT_MODE == 2) slope = threshold > 0.0f ? 1.0f : 0.0f;
    args.grad_threshold[coefficient] = slope * (float)sum;
}
#endif
