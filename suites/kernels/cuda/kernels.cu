#ifdef WHT_FORWARD
GPU_KERNEL wht_forward(WhtParams args) {
    GPU_SHARED_BUFFER(shared, WHT_EXCHANGE_WORDS == 0 ? 1 : WHT_EXCHANGE_WORDS);
    float v[WHT_SLOT_ARRAY];
    WhtPlace at = wht_place(threadIdx.x, blockIdx.x);
    WhtWords words = wht_words(at);
    WhtTables tables = wht_tables(args, at.j);
    wht_load(args, args.x, args.x_view, 0, args.length_in, WHT_CROP_IN, at, v);
    wht_transform_high(v);
    if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, false);
    wht_transform_low(v);
    GPU_UNROLL
    for (int s = 0; s < WHT_SLOTS; ++s) v[s] = wht_forward_value(args, tables, wht_next_coefficient(s), v[s]);
    wht_transform_low(v);
    if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, true);
    wht_transform_high(v);
    wht_store(args, at, args.length_out, WHT_CROP_OUT, v, args.x, args.x_view, 0, args.length_in,
              WHT_CROP_IN);
}
#endif

#ifdef WHT_BACKWARD
// Sums values[k] of every pixel of a warp; the thread of pixel p is left with the sum of values[p % WHT_CHUNK].
GPU_INLINE float wht_sum_pixels(float *values, int p) {
    GPU_UNROLL
    for (int half = WHT_CHUNK_MOST / 2; half >= 1; half /= 2) {
        if (half >= WHT_CHUNK) continue;
        GPU_UNROLL
        for (int k = 0; k < half; ++k) {
            float keep = p & half ? values[k + half] : values[k];
            float send = p & half ? values[k] : values[k + half];
            values[k] = keep + GPU_SHUFFLE_XOR(send, half);
        }
    }
    GPU_UNROLL
    for (int step = 1; step < 32; step *= 2) {
        if (step < WHT_CHUNK || step >= WHT_PIXELS) continue;
        values[0] += GPU_SHUFFLE_XOR(values[0], step);
    }
    return values[0];
}

// Adds up the sums of the threads of a block in a fixed order and writes one row of the partial results.
GPU_INLINE void wht_write_partial(const WhtParams &args, const WhtPlace &at, float *shared, const float *sums,
                                  int which) {
    GPU_BLOCK_BARRIER();
    GPU_UNROLL
    for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) {
        int slot = c * WHT_CHUNK + at.p % WHT_CHUNK;
        if (at.p % 32 >= WHT_CHUNK) continue;
        int word = at.j * WHT_SLOTS + wht_low_point(slot);
        GPU_SHARED_PUT(shared, (WHT_STRIDED ? at.p / 32 * WHT_N : at.q * WHT_TILE) + word, sums[c]);
    }
    GPU_BLOCK_BARRIER();
    for (int c = threadIdx.x; c < WHT_N; c += blockDim.x) {
        float sum = 0.0f;
        for (int part = 0; part < WHT_PARTS; ++part) sum += GPU_SHARED_GET(shared, part * WHT_N + c);
        args.partial[((gpu_int64)which * gridDim.x + blockIdx.x) * WHT_N + c] = sum;
    }
}

GPU_KERNEL wht_backward(WhtParams args) {
    GPU_SHARED_BUFFER(shared, WHT_BACKWARD_WORDS);
    const int kept = WHT_BACKWARD_WORDS - WHT_KEPT_WORDS + threadIdx.x;
    float v[WHT_SLOT_ARRAY], g[WHT_SLOT_ARRAY], to_threshold[WHT_SLOT_ARRAY], to_scale[WHT_SLOT_ARRAY];
    GPU_UNROLL
    for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) {
        to_threshold[c] = to_scale[c] = 0.0f;
        if (WHT_KEPT_WORDS > 0) GPU_SHARED_PUT(shared, kept + c * GPU_THREADS, 0.0f);
    }
    unsigned per_block = WHT_STRIDED ? WHT_PIXELS : WHT_TILES * (WHT_TILE / WHT_N);
    WhtWords words = wht_words(wht_place(threadIdx.x, 0));
    WhtTables tables = wht_tables(args, wht_place(threadIdx.x, 0).j);
    for (unsigned tile = blockIdx.x; tile * per_block < args.units; tile += gridDim.x) {
        WhtPlace at = wht_place(threadIdx.x, tile);
        wht_load(args, args.x, args.x_view, 0, args.length_in, WHT_CROP_IN, at, v);
        wht_transform_high(v);
        if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, false);
        wht_transform_low(v);
        wht_load(args, args.g, args.g_view, 1, args.length_out, WHT_CROP_OUT, at, g);
        wht_transform_high(g);
        if (WHT_LANES > 1) {
            wht_barrier();
            wht_exchange(g, shared, words, at.j, false);
        }
        wht_transform_low(g);
        GPU_UNROLL
        for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) {
            float threshold_slopes[WHT_CHUNK_MOST], scale_slopes[WHT_CHUNK_MOST];
            GPU_UNROLL
            for (int k = 0; k < WHT_CHUNK; ++k) {
                int s = c * WHT_CHUNK + k;
                WhtSlope slope = wht_backward_value(args, tables, wht_next_coefficient(s), v[s], g[s]);
                v[s] = slope.to_x;
                threshold_slopes[k] = slope.to_threshold;
                scale_slopes[k] = slope.to_scale;
            }
            float threshold_sum = wht_sum_pixels(threshold_slopes, at.p), scale_sum = 0.0f;
            if (WHT_SCALED) scale_sum = wht_sum_pixels(scale_slopes, at.p);
            if (WHT_KEPT_WORDS > 0) {
                float last = GPU_SHARED_GET(shared, kept + c * GPU_THREADS);
                GPU_SHARED_PUT(shared, kept + c * GPU_THREADS, last + (WHT_SCALED ? scale_sum : threshold_sum));
            } else if (WHT_SCALED) {
                to_scale[c] += scale_sum;
            }
            if (WHT_KEPT_WORDS == 0 || WHT_SCALED) to_threshold[c] += threshold_sum;
        }
        wht_transform_low(v);
        if (WHT_LANES > 1) wht_exchange(v, shared, words, at.j, true);
        wht_transform_high(v);
        wht_store(args, at, args.length_in, WHT_CROP_IN, v, args.g, args.g_view, 1, args.length_out,
                  WHT_CROP_OUT);
    }
    WhtPlace at = wht_place(threadIdx.x, 0);
    GPU_UNROLL
    for (int c = 0; c < WHT_SLOTS / WHT_CHUNK; ++c) {
        if (WHT_KEPT_WORDS > 0) v[c] = GPU_SHARED_GET(shared, kept + c * GPU_THREADS);
    }
    wht_write_partial(args, at, shared, WHT_KEPT_WORDS > 0 && !WHT_SCALED ? v : to_threshold, 0);
    if (WHT_SCALED) wht_write_partial(args, at, shared, WHT_KEPT_WORDS > 0 ? v : to_scale, 1);
}

// Adds the rows of the partial results in a fixed order: 32 coefficients by 8 threads each; block y 1: the scale.
GPU_SMALL_KERNEL wht_reduce(WhtParams args) {
    GPU_STATIC_SHARED(shared, 512);  // static also where the other kernels ask for theirs at the launch
    int column = threadIdx.x % 32, part = threadIdx.x / 32;
    int coefficient = blockIdx.x * 32 + column;
    double sum = 0.0;
    if (coefficient < WHT_N) {
        for (int row = part; row < args.partial_rows; row += 8) {
            sum += args.partial[((gpu_int64)blockIdx.y * args.partial_rows + row) * WHT_N + coefficient];
        }
    }
    // Two floats keep the double's precision without a second kind of shared array.
    float whole = (float)sum;
    GPU_SHARED_PUT(shared, threadIdx.x, whole);
    GPU_SHARED_PUT(shared, 256 + threadIdx.x, whole - whole == 0.0f ? (float)(sum - whole) : 0.0f);
    GPU_BLOCK_BARRIER();
    if (part != 0 || coefficient >= WHT_N) return;
    sum = 0.0;
    for (int k = 0; k < 8; ++k) {
        sum += (double)GPU_SHARED_GET(shared, k * 32 + column) + GPU_SHARED_GET(shared, 256 + k * 32 + column);
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
