// Forward of the HT-perceptron: plane transforms, all paths of channel mixing and thresholds, and the way back, an image
// at a time. Plain C interface.
#include "mix.h"
#include "plane.h"
#include "threads.h"

static Pool pool;

enum Element { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

// As the caller fills it: all int64.
struct Layer {
    int64_t images, inputs, outputs, height, width, padded_height, padded_width, paths, residual, element;
};

struct Call {
    Layer g;
    const void *x;
    void *y;
    Tables tables;
    Spectrum spectrum;  // of `image`, where threads share one
    int64_t image, positions;
    int failed;         // set to 1 by a thread that found no memory
};

enum { POSITIONS = 2 };  // vectors of positions in a tile

static inline int64_t position_floats(const Layer &g) {
    const int64_t positions = g.padded_height * g.padded_width;
    return positions < VL ? VL : positions;
}
static inline int64_t spectrum_step(const Layer &g) { return position_floats(g) + 16; }  // channels apart in cache sets

static Spectrum spectrum_in(const Layer &g, float *memory) {
    Spectrum s;
    s.floats = position_floats(g);
    s.step = spectrum_step(g);
    s.in = memory;
    s.out = memory + g.inputs * s.step;
    return s;
}
static inline float *spectrum_memory(const Layer &g) {
    return arena(SCRATCH, (g.inputs + g.outputs) * spectrum_step(g) * sizeof(float));
}

template <class T>
static void into_spectrum(const Call &call, const Spectrum &s, int64_t image, int64_t begin, int64_t end) {
    const Layer &g = call.g;
    const int64_t plane = g.height * g.width;
    for (int64_t c = begin; c < end; c++) {
        const T *x = (const T *)call.x + (image * g.inputs + c) * plane;
        float *to = s.in + c * s.step;
        if (plane == s.floats) {
            transform_plane(x, to, to, (const float *)0, plane);
        } else {
            pad_plane(x, g.height, g.width, g.padded_width, s.floats, to);
            transform_in_place(to, call.positions);
        }
    }
}

static void mix(const Call &call, const Spectrum &s, int64_t begin, int64_t end) {
    const int64_t tile = POSITIONS * VL;
    for (int64_t at = begin * tile; at < end * tile && at < s.floats; at += tile) {
        if (at + tile <= s.floats)
            mix_positions<POSITIONS>(s, call.tables, call.g.inputs, call.g.outputs, call.g.paths, at);
        else
            mix_positions<1>(s, call.tables, call.g.inputs, call.g.outputs, call.g.paths, at);
    }
}

template <class T>
static void out_of_spectrum(const Call &call, const Spectrum &s, int64_t image, int64_t begin, int64_t end) {
    const Layer &g = call.g;
    const int64_t plane = g.height * g.width;
    for (int64_t o = begin; o < end; o++) {
        const T *plus = g.residual ? (const T *)call.x + (image * g.inputs + o) * plane : 0;
        float *from = s.out + o * s.step;
        T *y = (T *)call.y + (image * g.outputs + o) * plane;
        if (plane == s.floats) {
            transform_plane(from, from, y, plus, plane);
        } else {
            transform_in_place(from, call.positions);
            crop_plane(from, g.height, g.width, g.padded_width, plus, y);
        }
    }
}

static inline int64_t position_tiles(const Spectrum &s) { return (s.floats + POSITIONS * VL - 1) / (POSITIONS * VL); }

// A thread's images, each from end to end.
template <class T> static void whole_images(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    float *memory = spectrum_memory(call.g);
    if (!memory) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    const Spectrum s = spectrum_in(call.g, memory);
    for (int64_t image = begin; image < end; image++) {
        into_spectrum<T>(call, s, image, 0, call.g.inputs);
        mix(call, s, 0, position_tiles(s));
        out_of_spectrum<T>(call, s, image, 0, call.g.outputs);
    }
}

// The three parts of an image that all threads share.
template <class T> static void shared_in(void *context, int64_t begin, int64_t end) {
    const Call &call = *(const Call *)context;
    into_spectrum<T>(call, call.spectrum, call.image, begin, end);
}
static void shared_mix(void *context, int64_t begin, int64_t end) {
    const Call &call = *(const Call *)context;
    mix(call, call.spectrum, begin, end);
}
template <class T> static void shared_out(void *context, int64_t begin, int64_t end) {
    const Call &call = *(const Call *)context;
    out_of_spectrum<T>(call, call.spectrum, call.image, begin, end);
}

template <class T> static void forward(Call &call, int threads) {
    const Layer &g = call.g;
    if (threads <= 1 || g.images >= threads) {
        parallel_for(&pool, threads, g.images, 1, whole_images<T>, &call);
        return;
    }
    float *memory = spectrum_memory(g);
    if (!memory) {
        call.failed = 1;
        return;
    }
    call.spectrum = spectrum_in(g, memory);
    for (call.image = 0; call.image < g.images; call.image++) {
        parallel_for(&pool, threads, g.inputs, g.inputs / (2 * threads), shared_in<T>, &call);
        parallel_for(&pool, threads, position_tiles(call.spectrum), 1, shared_mix, &call);
        parallel_for(&pool, threads, g.outputs, g.outputs / (2 * threads), shared_out<T>, &call);
    }
}

extern "C" {

int ht_interface() { return 1; }
int ht_vector_bytes() { return VL * 4; }
void ht_set_pool(void *parallel) { pool.parallel = (OmpParallel)parallel; }

// Floats of the packed tables: weights, scales, thresholds.
int64_t ht_packed_floats(const int64_t *numbers) {
    Layer g;
    memcpy(&g, numbers, sizeof g);
    return g.paths * ((g.outputs + OUTS - 1) / OUTS * OUTS * g.inputs + 2 * position_floats(g));
}

// From weights (paths, outputs, inputs) and scales and thresholds (paths, padded height, padded width). `factor` is
// the product of both norms, `inverse` that of the inverse transform alone: a soft threshold is homogeneous, and so
// thresholds are held against sums that are not scaled yet, which saves the kernel an operation.
void ht_pack(const int64_t *numbers, const float *w, const float *scale, const float *threshold, double factor,
             double inverse, float *packed) {
    Layer g;
    memcpy(&g, numbers, sizeof g);
    const int64_t positions = g.padded_height * g.padded_width, floats = position_floats(g);
    for (int64_t block = 0; block < g.outputs; block += OUTS)
        for (int64_t path = 0; path < g.paths; path++)
            for (int64_t c = 0; c < g.inputs; c++)
                for (int64_t o = block; o < block + OUTS; o++)
                    *packed++ = o < g.outputs ? w[(path * g.outputs + o) * g.inputs + c] : 0;
    for (int64_t path = 0; path < g.paths; path++)
        for (int64_t k = 0; k < floats; k++) {
            const float t = k < positions ? threshold[path * positions + k] : 0;
            // A threshold that is no number makes its coefficient none; the kernel's clamp would lose it.
            *packed++ = k < positions ? t == t ? (float)(scale[path * positions + k] * factor) : t : 0;
        }
    for (int64_t path = 0; path < g.paths; path++)
        for (int64_t k = 0; k < floats; k++) {
            const float t = k < positions ? threshold[path * positions + k] : 0;
            const double s = k < positions ? scale[path * positions + k] * factor : 1;
            *packed++ = t > 0 ? (float)(t * inverse / (s < 0 ? -s : s)) : 0;  // no bound lets anything past a scale of 0
        }
}

// Input and output contiguous (N, C, H, W). Returns 0, or 1 without memory.
int ht_forward(const int64_t *numbers, const void *x, void *y, const float *packed, int threads) {
    Call call = {};
    memcpy(&call.g, numbers, sizeof call.g);
    const Layer &g = call.g;
    call.x = x;
    call.y = y;
    call.positions = g.padded_height * g.padded_width;
    call.tables.weights = packed;
    call.tables.scales = packed + g.paths * ((g.outputs + OUTS - 1) / OUTS * OUTS * g.inputs);
    call.tables.thresholds = call.tables.scales + g.paths * position_floats(g);
    if (g.element == FLOAT32) forward<float>(call, threads);
    else if (g.element == BFLOAT16) forward<bf16>(call, threads);
    else forward<fp16>(call, threads);
    return call.failed;
}

}
