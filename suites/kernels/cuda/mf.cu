// A dense layer with f in place of the product: y = scale * sum_i f(x_i, w_oi) + bias_o.
//
// Tiled as a matrix product: a block makes 16 MF_ROWS rows of 64 outputs, a thread MF_ROWS of 4, over 16 inputs at a
// time in shared memory. A set of macros, given by sums_form.py, names one kernel: MEMBER (f, see member.cuh), MF_ROWS,
// MF_BIAS.
#define MF_SIDE 16
#define MF_COLUMNS 4
#define MF_DEPTH 16
#define MF_MOST_ROWS 4
#define MF_TILE_ROWS (MF_SIDE * MF_ROWS)
#define MF_TILE_COLUMNS (MF_SIDE * MF_COLUMNS)
// Two words more than a row: then the words that a warp writes together lie in 32 banks.
#define MF_X_PITCH (MF_TILE_ROWS + 2)
#define MF_W_PITCH (MF_TILE_COLUMNS + 2)
#define MF_SHARED_WORDS (MF_DEPTH * (MF_X_PITCH + MF_W_PITCH))

struct MfParams {
    const void *x;
    void *y;
    const float *weight, *bias;
    gpu_int64 x_row;
    int rows, inputs, outputs;
    float scale;
};

// Puts 16 inputs of the block's rows and of its outputs' weights into shared memory, zeros beyond the ends.
GPU_INLINE void mf_fill(const MfParams &args, float *shared, gpu_int64 row0, int column0, int begin) {
    int thread = (int)threadIdx.x, depth = thread % MF_DEPTH, input = begin + depth;
    GPU_UNROLL
    for (int n = 0; n < MF_ROWS; ++n) {
        int row = thread / MF_DEPTH + n * MF_SIDE;
        bool there = row0 + row < args.rows && input < args.inputs;
        gpu_source from = (gpu_source)args.x + (there ? (row0 + row) * args.x_row : 0);
        GPU_SHARED_PUT(shared, depth * MF_X_PITCH + row, there ? gpu_get(from, input) : 0.0f);
    }
    GPU_UNROLL
    for (int n = 0; n < MF_COLUMNS; ++n) {
        int column = thread / MF_DEPTH + n * MF_SIDE;
        bool there = column0 + column < args.outputs && input < args.inputs;
        const float *from = args.weight + (there ? (gpu_int64)(column0 + column) * args.inputs : 0);
        GPU_SHARED_PUT(shared, MF_DEPTH * MF_X_PITCH + depth * MF_W_PITCH + column,
                       there ? gpu_parameter(from, input) : 0.0f);
    }
}

GPU_INLINE void mf_sum(float *shared, float *sums) {
    int row = (int)threadIdx.x / MF_SIDE, column = (int)threadIdx.x % MF_SIDE;
    GPU_UNROLL_FOUR
    for (int depth = 0; depth < MF_DEPTH; ++depth) {
        MemberInput x[MF_MOST_ROWS];
        GPU_UNROLL
        for (int m = 0; m < MF_ROWS; ++m) {
            x[m] = member_input(GPU_SHARED_GET(shared, depth * MF_X_PITCH + row + m * MF_SIDE));
        }
        GPU_UNROLL
        for (int n = 0; n < MF_COLUMNS; ++n) {
            int word = MF_DEPTH * MF_X_PITCH + depth * MF_W_PITCH + column + n * MF_SIDE;
            MemberWeight weight = member_weight(GPU_SHARED_GET(shared, word));
            GPU_UNROLL
            for (int m = 0; m < MF_ROWS; ++m) {
                sums[m * MF_COLUMNS + n] = member_add(sums[m * MF_COLUMNS + n], x[m], weight);
            }
        }
    }
}

GPU_KERNEL mf_forward(MfParams args) {
    GPU_STATIC_SHARED(shared, MF_SHARED_WORDS);
    gpu_int64 row0 = (gpu_int64)blockIdx.x * MF_TILE_ROWS;
    int column0 = (int)blockIdx.y * MF_TILE_COLUMNS;
    float sums[MF_MOST_ROWS * MF_COLUMNS];
    GPU_UNROLL
    for (int n = 0; n < MF_ROWS * MF_COLUMNS; ++n) sums[n] = 0.0f;
    for (int begin = 0; begin < args.inputs; begin += MF_DEPTH) {
        if (begin > 0) GPU_BLOCK_BARRIER();
        mf_fill(args, shared, row0, column0, begin);
        GPU_BLOCK_BARRIER();
        mf_sum(shared, sums);
    }
    GPU_UNROLL
    for (int m = 0; m < MF_ROWS; ++m) {
        gpu_int64 row = row0 + (int)threadIdx.x / MF_SIDE + m * MF_SIDE;
        if (row >= args.rows) continue;
        gpu_target to = (gpu_target)args.y + row * args.outputs;
        GPU_UNROLL
        for (int n = 0; n < MF_COLUMNS; ++n) {
            int column = column0 + (int)threadIdx.x % MF_SIDE + n * MF_SIDE;
            if (column >= args.outputs) continue;
            float bias = MF_BIAS ? gpu_parameter(args.bias, column) : 0.0f;
            gpu_put(to, column, fmaf(sums[m * MF_COLUMNS + n], args.scale, bias));
        }
    }
}
