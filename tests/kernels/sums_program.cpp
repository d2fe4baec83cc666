// Test program of the depthwise, HT-perceptron and multiplication-free dense kernels: many geometries against sums in
// double, in every type and with several threads. Built by the sanitizer, instruction set and aarch64 lanes, where no
// Python can follow; one family for each build, as FAMILY says. Buffers are exactly as large as the tensors, so that a
// sanitizer sees any step beyond them. Prints one line per failure; exit status 1 if there was any.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <vector>

#define DEPTHWISE 1
#define HT 2
#define MF 3
#if FAMILY == DEPTHWISE
#include "depthwise/depthwise.cpp"
#include "depthwise/channels.cpp"
#include "depthwise/rows.cpp"
#elif FAMILY == HT
#include "ht/ht.cpp"
#else
#include "mf/mf.cpp"
#endif

static uint64_t state = 1;
static uint64_t next() { return (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 11; }
static double uniform() { return (double)next() / (double)(1ull << 52) - 1.0; }  // -1 .. 1
static int64_t below(int64_t n) { return (int64_t)(next() >> 20) % n; }
// Zeros among the numbers: signs of zero are a case of their own.
static float some() { return below(8) ? (float)(2 * uniform()) : 0.0f; }

typedef std::vector<float> Floats;
typedef std::vector<double> Doubles;
static Floats many(int64_t n) {
    Floats v(n);
    for (float &one : v) one = some();
    return v;
}

// A tensor in its own type, malloc'd to the last byte, and what its elements are as doubles.
struct Tensor {
    void *data;
    int64_t count, element;
    Tensor(int64_t n, int64_t type) : data(malloc(n * (type == FLOAT32 ? 4 : 2))), count(n), element(type) {}
    Tensor(const Tensor &) = delete;
    ~Tensor() { free(data); }
    void set(int64_t i, float x) {
        if (element == FLOAT32) ((float *)data)[i] = x;
        else if (element == BFLOAT16) store_first((bf16 *)data + i, splat(x), 1);
        else store_first((fp16 *)data + i, splat(x), 1);
    }
    double get(int64_t i) const {
        if (element == FLOAT32) return ((float *)data)[i];
        return element == BFLOAT16 ? load_first((bf16 *)data + i, 1)[0] : load_first((fp16 *)data + i, 1)[0];
    }
    void fill() {
        for (int64_t i = 0; i < count; i++) set(i, some());
    }
};

static int failures = 0, checked = 0;

static void compare(const char *what, const Tensor &got, const Doubles &want, double terms) {
    static const double ERRORS[] = {1e-6, 1.0 / 256, 1.0 / 1024};
    double worst = 0, size = 1;
    for (int64_t i = 0; i < got.count; i++) {
        const double error = fabs(got.get(i) - want[i]);
        if (!(error <= worst)) worst = error;  // a NaN stays
        if (fabs(want[i]) > size) size = fabs(want[i]);
    }
    checked++;
    if (!(worst <= 1e-6 * terms + ERRORS[got.element] * size)) {
        failures++;
        printf("%s off by %g of %g, element %d\n", what, worst, size, (int)got.element);
    }
}

#if FAMILY != HT
static double sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : 0; }
static double term(int64_t member, double x, double w) {
    if (member == PRODUCT) return x * w;
    if (member == SUM) return x * sign(w) + sign(x) * w;
    const double least = sign(x) * sign(w) * (fabs(x) < fabs(w) ? fabs(x) : fabs(w));
    return member == MATCH && least < 0 ? 0 : least;
}
#endif

#if FAMILY == DEPTHWISE
static void check(int threads) {
    Layer g = {};
    g.images = 1 + below(3);
    g.channels = 1 + below(2 * VL + 3);
    g.height = 1 + below(20);
    g.width = below(2) ? 1 + below(20) : 1 + below(3 * VL);
    if (below(4) == 0) g.width = VL * (1 + below(3));
    g.kernel = below(3) ? 3 : 1 + 2 * below(3);
    g.stride = below(2) ? 1 : 1 + below(3);
    g.member = below(4);
    g.element = below(2) ? (int64_t)FLOAT32 : below(3);
    g.channels_last = below(3) == 0;
    g.past_cache_bytes = below(2) ? 0 : 1 << 30;
    const int64_t rows = (g.height - 1) / g.stride + 1, columns = (g.width - 1) / g.stride + 1, taps = g.kernel * g.kernel;
    Tensor x(g.images * g.channels * g.height * g.width, g.element), y(g.images * g.channels * rows * columns, g.element);
    x.fill();
    const Floats w = many(g.channels * taps), bias = many(g.channels);
    const bool biased = below(2);
    const float scale = 0.75f;
    Doubles want(y.count);
    for (int64_t n = 0; n < g.images; n++)
        for (int64_t c = 0; c < g.channels; c++)
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < columns; j++) {
                    double sum = 0;
                    for (int64_t k = 0; k < taps; k++) {
                        const int64_t h = i * g.stride + k / g.kernel - g.kernel / 2, v = j * g.stride + k % g.kernel - g.kernel / 2;
                        if (h < 0 || h >= g.height || v < 0 || v >= g.width) continue;
                        const int64_t at = g.channels_last ? ((n * g.height + h) * g.width + v) * g.channels + c
                                                           : ((n * g.channels + c) * g.height + h) * g.width + v;
                        sum += term(g.member, x.get(at), w[c * taps + k]);
                    }
                    const int64_t to = g.channels_last ? ((n * rows + i) * columns + j) * g.channels + c
                                                       : ((n * g.channels + c) * rows + i) * columns + j;
                    want[to] = scale * sum + (biased ? bias[c] : 0);
                }
    const int64_t packing[] = {g.channels, taps, g.member, depthwise_by_rows((const int64_t *)&g)};
    Floats packed(depthwise_packed_floats(packing));
    depthwise_pack(packing, w.data(), biased ? bias.data() : 0, scale, packed.data());
    if (depthwise_forward((const int64_t *)&g, x.data, y.data, packed.data(), threads)) failures++;
    compare("depthwise", y, want, 4.0 * (double)taps);
}
#elif FAMILY == HT
static void transform(Doubles &v) {
    for (size_t h = 1; h < v.size(); h *= 2)
        for (size_t i = 0; i < v.size(); i++)
            if (!(i & h)) {
                const double a = v[i], b = v[i + h];
                v[i] = a + b;
                v[i + h] = a - b;
            }
}
static void check(int threads) {
    Layer g = {};
    g.images = 1 + below(4);
    g.residual = below(2);
    g.inputs = 1 + below(12);
    g.outputs = g.residual ? g.inputs : 1 + below(20);
    g.padded_height = 1 << below(5);
    g.padded_width = 1 << below(6);
    g.height = g.padded_height - below(g.padded_height / 2 + 1) % g.padded_height;
    g.width = g.padded_width - below(g.padded_width / 2 + 1) % g.padded_width;
    g.paths = 1 + below(3);
    g.element = below(2) ? (int64_t)FLOAT32 : below(3);
    const int64_t positions = g.padded_height * g.padded_width, plane = g.height * g.width;
    Tensor x(g.images * g.inputs * plane, g.element), y(g.images * g.outputs * plane, g.element);
    x.fill();
    const Floats w = many(g.paths * g.outputs * g.inputs), scale = many(g.paths * positions), threshold = many(g.paths * positions);
    const double inverse = 1 / sqrt((double)positions);
    Floats packed(ht_packed_floats((const int64_t *)&g));
    ht_pack((const int64_t *)&g, w.data(), scale.data(), threshold.data(), inverse * inverse, inverse, packed.data());
    Doubles want(y.count);
    for (int64_t n = 0; n < g.images; n++) {
        std::vector<Doubles> spectrum(g.inputs, Doubles(positions));
        for (int64_t c = 0; c < g.inputs; c++) {
            for (int64_t k = 0; k < plane; k++)
                spectrum[c][k / g.width * g.padded_width + k % g.width] = x.get((n * g.inputs + c) * plane + k);
            transform(spectrum[c]);
        }
        for (int64_t o = 0; o < g.outputs; o++) {
            Doubles total(positions);
            for (int64_t p = 0; p < g.paths; p++)
                for (int64_t k = 0; k < positions; k++) {
                    double mixed = 0;
                    for (int64_t c = 0; c < g.inputs; c++) mixed += w[(p * g.outputs + o) * g.inputs + c] * spectrum[c][k];
                    mixed *= inverse * scale[p * positions + k];
                    const double t = threshold[p * positions + k], rest = fabs(mixed) - (t > 0 ? t : 0);
                    total[k] += rest > 0 ? (mixed < 0 ? -rest : rest) : 0;
                }
            transform(total);
            for (int64_t k = 0; k < plane; k++)
                want[(n * g.outputs + o) * plane + k] = inverse * total[k / g.width * g.padded_width + k % g.width]
                    + (g.residual ? x.get((n * g.inputs + o) * plane + k) : 0);
        }
    }
    if (ht_forward((const int64_t *)&g, x.data, y.data, packed.data(), threads)) failures++;
    compare("HT-perceptron", y, want, 8.0 * (double)(g.paths * g.inputs) * sqrt((double)positions));
}
#else
static void check(int threads) {
    Layer g = {};
    g.rows = 1 + below(20);
    g.inputs = 1 + below(70);
    g.outputs = 1 + below(3 * BLOCK);
    g.member = SUM + below(3);
    g.element = below(2) ? (int64_t)FLOAT32 : below(3);
    Tensor x(g.rows * g.inputs, g.element), y(g.rows * g.outputs, g.element);
    x.fill();
    const Floats w = many(g.outputs * g.inputs), bias = many(g.outputs);
    const bool biased = below(2);
    const float scale = 0.75f;
    Floats packed(mf_packed_floats((const int64_t *)&g));
    mf_pack((const int64_t *)&g, w.data(), biased ? bias.data() : 0, scale, packed.data());
    Doubles want(y.count);
    for (int64_t r = 0; r < g.rows; r++)
        for (int64_t o = 0; o < g.outputs; o++) {
            double sum = 0;
            for (int64_t i = 0; i < g.inputs; i++) sum += term(g.member, x.get(r * g.inputs + i), w[o * g.inputs + i]);
            want[r * g.outputs + o] = scale * sum + (biased ? bias[o] : 0);
        }
    if (mf_forward((const int64_t *)&g, x.data, y.data, packed.data(), threads)) failures++;
    compare("dense", y, want, 4.0 * (double)g.inputs);
}
#endif

int main(int argc, char **argv) {
    const int rounds = argc > 1 ? atoi(argv[1]) : 200, threads = argc > 2 ? atoi(argv[2]) : 3;
    for (int i = 0; i < rounds; i++) check(1 + i % threads);
    printf("%d comparisons, %d failures, %d-byte vectors\n", checked, failures, VL * 4);
    return failures != 0;
}
