// Four inputs of a single factor, from input j0 on.
GPU_INLINE void debut_quad(const DebutParams &args, const DebutStep &step, const DebutPlace &at, float *shared,
                           bool is_first, const float *weights, int groups, int block, int first, int j0, float *out) {
    float x[DEBUT_MOST_WIDE], held[4];
    int outputs = step.r1 / step.chunks;
    GPU_UNROLL
    for (int j = 0; j < 4; ++j) {
        if (j0 + j >= step.s1) continue;
        debut_take(args, step, at, shared, is_first, block, step.s1, first, j0 + j, x);
        GPU_UNROLL
        for (int i = 0; i < outputs; ++i) {
            debut_add(weights + j0 * outputs * groups, groups, j * outputs + i, held, x, out + i * DEBUT_WIDE);
        }
    }
}

// Two or three factors, of few outputs each: sums of the first go into those of the second as soon as they are there.
GPU_INLINE void debut_fused(const DebutParams &args, const DebutStep &step, const DebutPlace &at, float *shared,
                            bool is_first, const float *weights, int groups, int block, int first, float *out) {
    float x[DEBUT_MOST_WIDE], held[4], one[DEBUT_MOST_VALUES], two[DEBUT_MOST_VALUES];
    int ones = step.r1, twos = step.r2 * step.r1, threes = step.r3 * twos;
    int inner = step.s1 * ones + twos, outer = step.s2 * inner + (step.depth == 3 ? threes : 0);
    GPU_UNROLL
    for (int j3 = 0; j3 < step.s3; ++j3) {
        float *sums = step.depth == 3 ? two : out;
        debut_clear(sums, twos);
        GPU_UNROLL
        for (int j2 = 0; j2 < step.s2; ++j2) {
            debut_clear(one, ones);
            GPU_UNROLL
            for (int j1 = 0; j1 < step.s1; ++j1) {
                debut_take(args, step, at, shared, is_first, block, step.s3 * step.s2 * step.s1, first,
                           (j3 * step.s2 + j2) * step.s1 + j1, x);
                GPU_UNROLL
                for (int i = 0; i < ones; ++i) {
                    debut_add(weights, groups, j3 * outer + j2 * inner + j1 * ones + i, held, x, one + i * DEBUT_WIDE);
                }
            }
            GPU_UNROLL
            for (int i = 0; i < twos; ++i) {
                debut_add(weights, groups, j3 * outer + j2 * inner + step.s1 * ones + i, held,
                          one + i % ones * DEBUT_WIDE, sums + i * DEBUT_WIDE);
            }
        }
        if (step.depth < 3) continue;
        GPU_UNROLL
        for (int i = 0; i < threes; ++i) {
            debut_add(weights, groups, j3 * outer + step.s2 * inner + i, held, two + i % twos * DEBUT_WIDE,
                      out + i * DEBUT_WIDE);
        }
    }
}

// Output `feature` of the chain: its number among those of the slice becomes its number in the layer.
GPU_INLINE void debut_output(const DebutParams &args, const DebutPlace &at, int feature, const float *sums) {
    if (DEBUT_SLICES > 1) {
        feature = (feature / DEBUT_SLICE_WIDTH * DEBUT_SLICES + at.slice) * DEBUT_SLICE_WIDTH
                  + feature % DEBUT_SLICE_WIDTH;
    }
    if (DEBUT_CROPPED && feature >= args.out_features) return;
    float bias = DEBUT_BIAS ? gpu_parameter(args.bias, feature) : 0.0f;
    GPU_UNROLL
    for (int v = 0; v < DEBUT_WIDE; ++v) {
        if (at.out[v] >= 0) gpu_put((gpu_target)args.y, at.out[v] + feature * args.y_feature, sums[v] + bias);
    }
}

GPU_INLINE void debut_step(const DebutParams &args, const DebutStep step, const DebutPlace &at, float *shared,
                           bool is_first, bool is_last) {
    int groups = step.blocks * step.chunks * step.lanes, inputs = step.s3 * step.s2 * step.s1;
    int outputs = step.r3 * step.r2 * step.r1 / step.chunks;
    for (int group = at.group; group < groups; group += DEBUT_GROUPS) {
        float out[DEBUT_MOST_VALUES];
        int lane = group % step.lanes, rest = group / step.lanes, chunk = rest % step.chunks;
        int block = rest / step.chunks, first = block * inputs * step.lanes + lane;
        const float *weights = args.weights + at.slice * DEBUT_SLICE_WORDS + step.words + group * 4;
        debut_clear(out, outputs);
        if (step.depth > 1) {
            debut_fused(args, step, at, shared, is_first, weights, groups, block, first, out);
        } else if (step.s1 <= DEBUT_LONGEST) {
            GPU_UNROLL
            for (int j0 = 0; j0 < DEBUT_LONGEST; j0 += 4) {
                if (j0 >= step.s1) continue;
                debut_quad(args, step, at, shared, is_first, weights, groups, block, first, j0, out);
            }
        } else {
            for (int j0 = 0; j0 < step.s1; j0 += 4) {
                debut_quad(args, step, at, shared, is_first, weights, groups, block, first, j0, out);
            }
        }
        int begin = (block * step.chunks + chunk) * outputs * step.lanes + lane;
        GPU_UNROLL
        for (int i = 0; i < outputs; ++i) {
            if (is_last) {
                debut_output(args, at, begin + i * step.lanes, out + i * DEBUT_WIDE);
                continue;
            }
            GPU_UNROLL
            for (int v = 0; v < DEBUT_WIDE; ++v) {
                GPU_SHARED_PUT(shared, debut_word(at, step.to, step.to_size, begin + i * step.lanes, v),
                               out[i * DEBUT_WIDE + v]);
            }
        }
    }
}

#define DEBUT_STEP(k)                                                                                        \
    DebutStep {                                                                                              \
        DEBUT_R1_##k, DEBUT_S1_##k, DEBUT_R2_##k, DEBUT_S2_##k, DEBUT_R3_##k, DEBUT_S3_##k, DEBUT_DEPTH_##k, \
            DEBUT_LANES_##k, DEBUT_BLOCKS_##k, DEBUT_CHUNKS_##k, DEBUT_WORDS_##k, DEBUT_FROM_##k,            \
            DEBUT_FROM_SIZE_##k, DEBUT_TO_##k, DEBUT_TO_SIZE_##k                                             \
    }
#define DEBUT_RUN(k)                                                                       \
    if (DEBUT_STEPS > k) {                                                                 \
        if (k > 0) GPU_BLOCK_BARRIER();                                                    \
        debut_step(args, DEBUT_STEP(k), at, shared, k == 0, k == DEBUT_STEPS - 1);          \
    }

GPU_KERNEL debut_forward(DebutParams args) {
    GPU_SHARED_BUFFER(shared, DEBUT_SHARED_WORDS);
    DebutPlace at = debut_place(args);
    DEBUT_RUN(0)
    DEBUT_RUN(1)
    DEBUT_RUN(2)
    DEBUT_RUN(3)
    DEBUT_RUN(4)
    DEBUT_RUN(5)
    DEBUT_RUN(6)
    DEBUT_RUN(7)
}
