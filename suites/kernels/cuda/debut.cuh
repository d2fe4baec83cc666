// A whole DeBut chain for a tile of positions: one read of the input, one write of the output.
//
// A factor [blocks, r, s, t] takes feature b s t + j t + k to b r t + i t + k with weight (b, i, j, k). A thread block
// holds the features of a tile of positions in shared memory and applies the chain in steps; a step is one factor, or
// two or three whose few values stay in a thread's registers. The outputs with one residue modulo r of the first
// factor need no others on the way: such a slice of the chain is a thread block's, so a chain of 4096 features needs
// room for 512. Weights lie in the order in which they are read (debut_pack.py). A set of macros, given by
// debut_form.py, names one kernel:
//
//   DEBUT_STEPS   steps; step k has DEBUT_R1_k, S1, R2, S2, R3, S3 (1 where there are fewer factors), DEBUT_DEPTH_k
//                 factors, DEBUT_LANES_k: t of its first, DEBUT_BLOCKS_k of its last, DEBUT_CHUNKS_k: groups that
//                 share the outputs of one factor with more than eight, DEBUT_WORDS_k: where its weights begin,
//                 DEBUT_FROM_k, DEBUT_FROM_SIZE_k, DEBUT_TO_k, DEBUT_TO_SIZE_k: its two places in shared memory
//   DEBUT_COLUMNS, DEBUT_WIDE   neighbouring positions that threads share, and how many of them a thread has
//   DEBUT_SHARED_WORDS          of shared memory
//   DEBUT_SLICES, DEBUT_SLICE_WIDTH, DEBUT_SLICE_WORDS   slices, neighbouring outputs of one, its weights
//   DEBUT_KERNEL_HEIGHT, DEBUT_KERNEL_WIDTH, DEBUT_CHANNELS   of the convolution that the inputs are read for
//   DEBUT_TAP_ORDER 1: the channels of one tap are neighbours   DEBUT_WHOLE_TAPS 1: a step's inputs are whole channels
//   DEBUT_PADDED 1: the chain takes more channels than there are (zeros)   DEBUT_CROPPED 1: and gives more
//   DEBUT_BIAS 1: there is one   DEBUT_FIXED 1: DEBUT_X_CHANNEL, DEBUT_X_ROW, DEBUT_X_COLUMN are the input's strides

// Outputs of a step in one thread, and of all positions of the thread.
#define DEBUT_MOST_OUTPUTS 8
#define DEBUT_MOST_WIDE 4
#define DEBUT_MOST_VALUES (DEBUT_MOST_OUTPUTS * DEBUT_MOST_WIDE)
// A factor with at most so many inputs is written out, a longer one is a loop.
#define DEBUT_LONGEST 16
#define DEBUT_GROUPS (GPU_THREADS / DEBUT_COLUMNS)
#define DEBUT_TAPS (DEBUT_KERNEL_HEIGHT * DEBUT_KERNEL_WIDTH)

struct DebutParams {
    const void *x;
    void *y;
    const float *weights, *bias;
    int x_image, x_channel, x_row, x_column, y_image, y_feature, y_position;
    int channels, height, width, out_features, out_height, out_width, stride_y, stride_x, pad_y, pad_x;
    int positions;
};

struct DebutStep {
    int r1, s1, r2, s2, r3, s3, depth, lanes, blocks, chunks, words, from, from_size, to, to_size;
};

// Where a thread stands: its column of the tile and first group, and for each of its positions the first element of
// the window, the taps inside the image, and where the output goes (-1: there is no such position).
struct DebutPlace {
    int column, group, slice;
    int window[DEBUT_MOST_WIDE], out[DEBUT_MOST_WIDE];
    unsigned long long inside[DEBUT_MOST_WIDE];
};

GPU_INLINE int debut_row_stride(const DebutParams &args) { return DEBUT_FIXED ? DEBUT_X_ROW : args.x_row; }
GPU_INLINE int debut_column_stride(const DebutParams &args) { return DEBUT_FIXED ? DEBUT_X_COLUMN : args.x_column; }
GPU_INLINE int debut_channel_stride(const DebutParams &args) { return DEBUT_FIXED ? DEBUT_X_CHANNEL : args.x_channel; }

GPU_INLINE DebutPlace debut_place(const DebutParams &args) {
    DebutPlace at;
    at.column = (int)(threadIdx.x % DEBUT_COLUMNS);
    at.group = (int)(threadIdx.x / DEBUT_COLUMNS);
    at.slice = (int)blockIdx.y;
    GPU_UNROLL
    for (int v = 0; v < DEBUT_WIDE; ++v) {
        int position = ((int)blockIdx.x * DEBUT_WIDE + v) * DEBUT_COLUMNS + at.column;
        at.out[v] = -1;
        at.window[v] = 0;
        at.inside[v] = 0;
        if (position >= args.positions) continue;
        int column = position % args.out_width, rest = position / args.out_width;
        int row = rest % args.out_height, image = rest / args.out_height;
        int y = row * args.stride_y - args.pad_y, x = column * args.stride_x - args.pad_x;
        at.out[v] = image * args.y_image + (row * args.out_width + column) * args.y_position;
        at.window[v] = image * args.x_image + y * debut_row_stride(args) + x * debut_column_stride(args);
        if (DEBUT_TAPS == 1) {
            at.inside[v] = (unsigned)y < (unsigned)args.height && (unsigned)x < (unsigned)args.width;
            continue;
        }
        for (int tap = 0; tap < DEBUT_TAPS; ++tap) {
            bool inside = (unsigned)(y + tap / DEBUT_KERNEL_WIDTH) < (unsigned)args.height
                          && (unsigned)(x + tap % DEBUT_KERNEL_WIDTH) < (unsigned)args.width;
            at.inside[v] |= (unsigned long long)inside << tap;
        }
    }
    return at;
}

// Input `next` of the group whose inputs begin at feature `first` and lie `lanes` apart, at every position.
GPU_INLINE void debut_input(const DebutParams &args, const DebutPlace &at, int block, int inputs, int first, int next,
                            int lanes, float *x) {
    int feature = first + next * lanes, channel, tap;
    if (DEBUT_TAPS == 1) {
        channel = feature;
        tap = 0;
    } else if (DEBUT_TAP_ORDER) {
        tap = feature / DEBUT_CHANNELS;
        channel = feature % DEBUT_CHANNELS;
    } else if (DEBUT_WHOLE_TAPS) {
        channel = block * (inputs / DEBUT_TAPS) + next / DEBUT_TAPS;
        tap = next % DEBUT_TAPS;
    } else {
        channel = feature / DEBUT_TAPS;
        tap = feature % DEBUT_TAPS;
    }
    int offset = channel * debut_channel_stride(args) + tap / DEBUT_KERNEL_WIDTH * debut_row_stride(args)
                 + tap % DEBUT_KERNEL_WIDTH * debut_column_stride(args);
    bool there = !DEBUT_PADDED || channel < args.channels;
    GPU_UNROLL
    for (int v = 0; v < DEBUT_WIDE; ++v) {
        x[v] = there && (at.inside[v] >> tap & 1) ? gpu_get((gpu_source)args.x, at.window[v] + offset) : 0.0f;
    }
}

// A feature in shared memory: the positions of one thread are `size` features apart, so that a warp's neighbouring
// features and positions are neighbouring words.
GPU_INLINE int debut_word(const DebutPlace &at, int base, int size, int feature, int v) {
    return (base * DEBUT_WIDE + v * size + feature) * DEBUT_COLUMNS + at.column;
}

GPU_INLINE void debut_take(const DebutParams &args, const DebutStep &step, const DebutPlace &at, float *shared,
                           bool is_first, int block, int inputs, int first, int next, float *x) {
    if (is_first) {
        debut_input(args, at, block, inputs, first, next, step.lanes, x);
        return;
    }
    GPU_UNROLL
    for (int v = 0; v < DEBUT_WIDE; ++v) {
        x[v] = GPU_SHARED_GET(shared, debut_word(at, step.from, step.from_size, first + next * step.lanes, v));
    }
}

// Adds one weight's share to an output: weight `number` of the group, of which four come with one load.
GPU_INLINE void debut_add(const float *weights, int groups, int number, float *held, const float *x, float *sums) {
    if (number % 4 == 0) gpu_parameters(weights, number * groups, held);
    GPU_UNROLL
    for (int v = 0; v < DEBUT_WIDE; ++v) sums[v] = fmaf(held[number % 4], x[v], sums[v]);
}

GPU_INLINE void debut_clear(float *sums, int outputs) {
    GPU_UNROLL
    for (int n = 0; n < outputs * DEBUT_WIDE; ++n) sums[n] = 0.0f;
}
