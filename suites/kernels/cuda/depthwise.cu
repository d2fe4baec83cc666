// A depthwise k x k layer, one read and one write of memory: y = scale * sum f(x, w) + bias over the taps of a window.
//
// A thread makes some output pixels of one column, so that a loaded row serves all of them; its neighbours share the
// other loads through the cache. Zeros stand around the image. A set of macros, given by sums_form.py, names one kernel:
//
//   MEMBER            f, see member.cuh             DEPTHWISE_KERNEL, DEPTHWISE_STRIDE   of the window
//   DEPTHWISE_ROWS    output rows of a thread       DEPTHWISE_BIAS 1: there is one
//   DEPTHWISE_NEIGHBOURS 1: neighbouring columns of the input are neighbours in memory
//   DEPTHWISE_LAST 1: neighbouring threads have neighbouring channels (channels last), else neighbouring columns

// Up to this side the window is written out, and a thread's weights stay in its registers.
#define DEPTHWISE_WRITTEN_OUT 5
#define DEPTHWISE_MOST_TAPS (DEPTHWISE_WRITTEN_OUT * DEPTHWISE_WRITTEN_OUT)
#define DEPTHWISE_MOST_ROWS 4

struct DepthwiseParams {
    const void *x;
    void *y;
    const float *weight, *bias;
    GpuDivisor channels, columns, groups;
    int x_image, x_channel, x_row, x_column, y_image, y_channel, y_row, y_column;
    int height, width, out_height;
    unsigned units;
    float scale;
};

// Where a thread stands: image, channel, first output row and output column.
struct DepthwisePlace {
    int image, channel, row, column;
};

GPU_INLINE DepthwisePlace depthwise_place(const DepthwiseParams &args, unsigned unit) {
    DepthwisePlace at;
    unsigned rest = unit;
    if (DEPTHWISE_LAST) {
        rest = gpu_divide(unit, args.channels);
        at.channel = (int)(unit - rest * args.channels.value);
    }
    unsigned line = gpu_divide(rest, args.columns);
    at.column = (int)(rest - line * args.columns.value);
    unsigned plane = gpu_divide(line, args.groups);
    at.row = (int)(line - plane * args.groups.value) * DEPTHWISE_ROWS;
    if (DEPTHWISE_LAST) {
        at.image = (int)plane;
    } else {
        unsigned image = gpu_divide(plane, args.channels);
        at.image = (int)image;
        at.channel = (int)(plane - image * args.channels.value);
    }
    return at;
}

GPU_INLINE MemberInput depthwise_input(const DepthwiseParams &args, int plane, int row, int column) {
    bool inside = (unsigned)row < (unsigned)args.height && (unsigned)column < (unsigned)args.width;
    return member_input(inside ? gpu_get((gpu_source)args.x, plane + row * args.x_row + column * args.x_column) : 0.0f);
}

// The sums of a thread's rows, window written out.
GPU_INLINE void depthwise_rows(const DepthwiseParams &args, const float *table, int plane, int top, int left,
                               float *sums) {
    MemberWeight weights[DEPTHWISE_MOST_TAPS];
    GPU_UNROLL
    for (int tap = 0; tap < DEPTHWISE_KERNEL * DEPTHWISE_KERNEL; ++tap) {
        weights[tap] = member_weight(gpu_parameter(table, tap));
    }
    // An address for each row and, with neighbouring columns, none for the pixels: a multiplication of integers takes
    // a Maxwell several instructions.
    int line = plane + top * args.x_row + left * args.x_column;
    GPU_UNROLL
    for (int y = 0; y < (DEPTHWISE_ROWS - 1) * DEPTHWISE_STRIDE + DEPTHWISE_KERNEL; ++y, line += args.x_row) {
        if (DEPTHWISE_STRIDE > DEPTHWISE_KERNEL && y % DEPTHWISE_STRIDE >= DEPTHWISE_KERNEL) continue;
        bool in_image = (unsigned)(top + y) < (unsigned)args.height;
        gpu_source row_start = (gpu_source)args.x + line;
        GPU_UNROLL
        for (int x = 0; x < DEPTHWISE_KERNEL; ++x) {
            bool inside = in_image && (unsigned)(left + x) < (unsigned)args.width;
            int next = DEPTHWISE_NEIGHBOURS ? x : x * args.x_column;
            MemberInput input = member_input(inside ? gpu_get(row_start, next) : 0.0f);
            GPU_UNROLL
            for (int r = 0; r < DEPTHWISE_ROWS; ++r) {
                int row = y - r * DEPTHWISE_STRIDE;
                if (row < 0 || row >= DEPTHWISE_KERNEL) continue;
                sums[r] = member_add(sums[r], input, weights[row * DEPTHWISE_KERNEL + x]);
            }
        }
    }
}

// The sum of one pixel with a window of any size.
GPU_INLINE float depthwise_pixel(const DepthwiseParams &args, const float *table, int plane, int top, int left) {
    float sum = 0.0f;
    for (int y = 0; y < DEPTHWISE_KERNEL; ++y) {
        for (int x = 0; x < DEPTHWISE_KERNEL; ++x) {
            sum = member_add(sum, depthwise_input(args, plane, top + y, left + x),
                             member_weight(gpu_parameter(table, y * DEPTHWISE_KERNEL + x)));
        }
    }
    return sum;
}

GPU_KERNEL depthwise_forward(DepthwiseParams args) {
    unsigned unit = blockIdx.x * GPU_THREADS + threadIdx.x;
    if (unit >= args.units) return;
    DepthwisePlace at = depthwise_place(args, unit);
    const float *table = args.weight + at.channel * (DEPTHWISE_KERNEL * DEPTHWISE_KERNEL);
    float sums[DEPTHWISE_MOST_ROWS] = {0.0f, 0.0f, 0.0f, 0.0f};
    int plane = at.image * args.x_image + at.channel * args.x_channel;
    int top = at.row * DEPTHWISE_STRIDE - DEPTHWISE_KERNEL / 2;
    int left = at.column * DEPTHWISE_STRIDE - DEPTHWISE_KERNEL / 2;
    if (DEPTHWISE_KERNEL <= DEPTHWISE_WRITTEN_OUT) {
        depthwise_rows(args, table, plane, top, left, sums);
    } else {
        sums[0] = depthwise_pixel(args, table, plane, top, left);
    }
    float bias = DEPTHWISE_BIAS ? gpu_parameter(args.bias, at.channel) : 0.0f;
    int to = at.image * args.y_image + at.channel * args.y_channel + at.column * args.y_column;
    GPU_UNROLL
    for (int r = 0; r < DEPTHWISE_ROWS; ++r) {
        if (at.row + r >= args.out_height) continue;
        gpu_put((gpu_target)args.y, to + (at.row + r) * args.y_row, fmaf(sums[r], args.scale, bias));
    }
}
