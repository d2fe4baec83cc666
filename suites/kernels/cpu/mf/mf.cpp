// Forward of multiplication-free dense layers: y[row][out] = scale sum_i f(x[row][i], w[out][i]) + bias[out].
// Outputs lie in lanes; a tile of ROWS rows by COLUMNS vectors of outputs keeps its sums in registers over a stretch of
// inputs, each input broadcast. Plain C interface.
#include "members.h"
#include "lanes.h"
#include "threads.h"

static Pool pool;

enum Element { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };
#if VL == 16 || defined(__aarch64__)
enum { ROWS = 8, COLUMNS = 2 };
#else
enum { ROWS = 4, COLUMNS = 1 };  // 16 registers
#endif
enum { BLOCK = COLUMNS * VL };

// As the caller fills it: all int64.
struct Layer {
    int64_t rows, inputs, outputs, member, element;
};

struct Call {
    Layer g;
    const void *x;
    void *y;
    const float *packed;  // [block of outputs][input][part][BLOCK], then bias [block][BLOCK]
    int failed;           // set to 1 by a thread that found no memory
};

static inline int64_t blocks_of(const Layer &g) { return (g.outputs + BLOCK - 1) / BLOCK; }
static inline int64_t parts_of(int64_t member) { return member == MATCH ? 3 : 2; }

// R rows of inputs, `step` apart, by one block of outputs.
template <class M, int R>
static NOINLINE void dense_tile(const float *x, int64_t step, int64_t inputs, const float *packed, const float *bias,
                                float *sums) {
    vf sum[R][COLUMNS];
    Each<R>::run([&](int r) UNROLLED {
        Each<COLUMNS>::run([&](int c) UNROLLED { sum[r][c] = load(bias + c * VL); });
    });
    for (int64_t i = 0; i < inputs; i++, packed += M::PARTS * BLOCK) {
        vf constants[COLUMNS][M::PARTS];
        Each<COLUMNS>::run([&](int c) UNROLLED {
            Each<M::PARTS>::run([&](int k) UNROLLED { constants[c][k] = load(packed + k * BLOCK + c * VL); });
        });
        Each<R>::run([&](int r) UNROLLED {
            vf s[M::SHARED];
            s[0] = splat(x[r * step + i]);
            if (M::SHARED > 1) s[M::SHARED - 1] = splat(x[r * step + inputs + i]);  // the signs, beside the row
            Each<COLUMNS>::run([&](int c) UNROLLED { sum[r][c] = M::tap(sum[r][c], s, constants[c]); });
        });
    }
    Each<R>::run([&](int r) UNROLLED {
        Each<COLUMNS>::run([&](int c) UNROLLED { store(sums + (r * COLUMNS + c) * VL, sum[r][c]); });
    });
}

// Rows as float32, each with room for `step`; returns whether all are finite.
template <class T>
static bool take_rows(const T *x, int64_t rows, int64_t inputs, int64_t step, bool signs, float *to) {
    vf finite = zero();
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < inputs; i += VL) {
            const vf v = load_first(x + r * inputs + i, inputs - i);
            finite += finite_is_zero(v);
            store_first(to + r * step + i, v, inputs - i);
            if (signs) store_first(to + r * step + inputs + i, sign_of(v), inputs - i);
        }
    return !any_nan(finite);
}

template <class M, class T>
static void dense_rows(const Call &call, const float *x, int64_t step, int64_t first, int64_t rows, int64_t block,
                       int64_t block_end) {
    const Layer &g = call.g;
    const int64_t per_block = g.inputs * M::PARTS * BLOCK;
    const float *biases = call.packed + blocks_of(g) * per_block;
    for (; block < block_end; block++) {
        const float *packed = call.packed + block * per_block, *bias = biases + block * BLOCK;
        float sums[ROWS * BLOCK];
        if (rows == ROWS) {
            dense_tile<M, ROWS>(x, step, g.inputs, packed, bias, sums);
        } else {
            for (int64_t r = 0; r < rows; r++)
                dense_tile<M, 1>(x + r * step, step, g.inputs, packed, bias, sums + r * BLOCK);
        }
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < BLOCK && block * BLOCK + c < g.outputs; c += VL)
                store_first((T *)call.y + (first + r) * g.outputs + block * BLOCK + c, load(sums + r * BLOCK + c),
                            g.outputs - block * BLOCK - c);
    }
}

enum { BLOCKS_TOGETHER = 2 };  // of outputs for one copy of the rows

// A unit is ROWS rows by a few blocks of outputs.
template <class M, class SLOW, class T> static void dense_work(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Layer &g = call.g;
    const int64_t step = g.inputs * M::SHARED + 16;  // rows apart in cache sets
    const int64_t groups = (g.rows + ROWS - 1) / ROWS, blocks = blocks_of(g);
    float *x = arena(SCRATCH, ROWS * step * sizeof(float));
    if (!x) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t first = unit % groups * ROWS, block = unit / groups * BLOCKS_TOGETHER;
        const int64_t rows = g.rows - first < ROWS ? g.rows - first : (int64_t)ROWS;
        const int64_t block_end = block + BLOCKS_TOGETHER < blocks ? block + BLOCKS_TOGETHER : blocks;
        const bool finite = take_rows((const T *)call.x + first * g.inputs, rows, g.inputs, step, M::SHARED > 1, x);
        if (finite || !M::FAST) dense_rows<M, T>(call, x, step, first, rows, block, block_end);
        else dense_rows<SLOW, T>(call, x, step, first, rows, block, block_end);
    }
}

template <class T> static Work work_of(int64_t member) {
    if (member == SUM) return dense_work<Sum, Sum, T>;
    if (member == MINIMUM) return dense_work<FastMinimum, Minimum, T>;
    return dense_work<Match, Match, T>;
}

template <class M> static void pack(const Layer &g, const float *w, const float *bias, float scale, float *packed) {
    for (int64_t block = 0; block < blocks_of(g); block++)
        for (int64_t i = 0; i < g.inputs; i += VL)
            for (int64_t c = 0; c < BLOCK; c += VL) {
                const int64_t count = g.inputs - i < VL ? g.inputs - i : VL;
                vf v[VL], constants[M::PARTS];
                for (int64_t k = 0; k < VL; k++) {
                    const int64_t out = block * BLOCK + c + k;
                    v[k] = out < g.outputs ? load_first(w + out * g.inputs + i, count) : zero();
                }
                transpose(v);
                for (int64_t k = 0; k < count; k++) {
                    M::constants(v[k], splat(scale), constants);
                    for (int part = 0; part < M::PARTS; part++)
                        store(packed + ((block * g.inputs + i + k) * M::PARTS + part) * BLOCK + c, constants[part]);
                }
            }
    packed += blocks_of(g) * g.inputs * M::PARTS * BLOCK;
    for (int64_t o = 0; o < blocks_of(g) * BLOCK; o++) packed[o] = bias && o < g.outputs ? bias[o] : 0;
}

extern "C" {

int mf_interface() { return 1; }
int mf_vector_bytes() { return VL * 4; }
void mf_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

int64_t mf_packed_floats(const int64_t *numbers) {
    Layer g;
    memcpy(&g, numbers, sizeof g);
    return blocks_of(g) * BLOCK * (g.inputs * parts_of(g.member) + 1);
}

// From weights (outputs, inputs) and a bias (outputs) or null.
void mf_pack(const int64_t *numbers, const float *w, const float *bias, float scale, float *packed) {
    Layer g;
    memcpy(&g, numbers, sizeof g);
    if (g.member == SUM) pack<Sum>(g, w, bias, scale, packed);
    else if (g.member == MINIMUM) pack<Minimum>(g, w, bias, scale, packed);
    else pack<Match>(g, w, bias, scale, packed);
}

// Input (rows, inputs) and output (rows, outputs) contiguous. Returns 0, or 1 without memory.
int mf_forward(const int64_t *numbers, const void *x, void *y, const float *packed, int threads) {
    Call call = {};
    memcpy(&call.g, numbers, sizeof call.g);
    call.x = x;
    call.y = y;
    call.packed = packed;
    const Layer &g = call.g;
    const int64_t units = (g.rows + ROWS - 1) / ROWS * ((blocks_of(g) + BLOCKS_TOGETHER - 1) / BLOCKS_TOGETHER);
    const Work work = g.element == FLOAT32 ? work_of<float>(g.member)
                      : g.element == BFLOAT16 ? work_of<bf16>(g.member) : work_of<fp16>(g.member);
    parallel_for(&pool, threads, units, units / (4 * threads), work, &call);
    return call.failed;
}

}
