// The coefficient of slot s after the exchange: the thread's first one, and what the slot adds to it.
GPU_INLINE int wht_first_coefficient(int j) { return j * WHT_SLOTS & (WHT_N - 1); }
GPU_INLINE int wht_next_coefficient(int s) { return wht_low_point(s) & (WHT_N - 1); }

// The tables of T and of the scale from a thread's first coefficient on.
struct WhtTables {
    int first;
    const float *threshold, *scale;
};

GPU_INLINE WhtTables wht_tables(const WhtParams &args, int j) {
    WhtTables tables;
    tables.first = wht_first_coefficient(j);
    tables.threshold = args.threshold + tables.first;
    tables.scale = args.scale + (WHT_SCALED ? tables.first : 0);
    return tables;
}

GPU_INLINE float wht_threshold_of(const WhtTables &tables, int next) {
    float threshold = gpu_parameter(tables.threshold, next);
    if (WHT_MODE == 1) return fabsf(threshold);
    if (WHT_MODE == 2) return threshold < 0.0f ? 0.0f : threshold;
    return threshold;
}

#define WHT_TWO_LOG2_E 2.885390081777927f

// factor * tanh(w) as factor - 2 factor / (exp(2w) + 1), within 4e-7 of factor on a GPU, whose exponential is good to
// 2^-22 and whose reciprocal to 2^-23. (The instruction that is called tanh is good to 5e-4.)
GPU_INLINE float wht_tanh(float w, float factor) {
    return fmaf(-2.0f * factor, gpu_reciprocal(gpu_exp2(w * WHT_TWO_LOG2_E) + 1.0f), factor);
}

#ifdef WHT_FORWARD
GPU_INLINE float wht_forward_value(const WhtParams &args, const WhtTables &tables, int next, float v) {
    if (WHT_KEEP_FIRST && next == 0 && tables.first == 0) return v * args.alpha * args.beta;
    float w = v * args.alpha;
    if (WHT_SCALED) w *= gpu_parameter(tables.scale, next);
    float margin = fabsf(w) - wht_threshold_of(tables, next);
    float factor;
    if (WHT_SMOOTH) {
        factor = wht_tanh(w, args.beta);
    } else {
        factor = WHT_MODE == 0 && w == 0.0f ? 0.0f : copysignf(args.beta, w);
    }
    // A comparison, not a maximum: the maximum of NaN and 0 is 0 on a GPU, and NaN has to come through.
    return margin < 0.0f ? 0.0f : factor * margin;
}
#endif

#ifdef WHT_BACKWARD
struct WhtSlope {
    float to_x, to_threshold, to_scale;
};

GPU_INLINE WhtSlope wht_backward_value(const WhtParams &args, const WhtTables &tables, int next, float v, float g) {
    WhtSlope slope;
    v *= args.alpha;
    g *= args.beta;
    slope.to_x = g * args.alpha;
    slope.to_threshold = slope.to_scale = 0.0f;
    if (WHT_KEEP_FIRST && next == 0 && tables.first == 0) return slope;
    float scale = WHT_SCALED ? gpu_parameter(tables.scale, next) : 1.0f;
    float w = v * scale;
    float margin = fabsf(w) - wht_threshold_of(tables, next);
    float tanh = 0.0f, d = g;
    if (WHT_SMOOTH) {
        tanh = wht_tanh(w, 1.0f);
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
#endif
