// The kernels' own test program: many geometries against sums in double, for the type ELEMENT. Built by the sanitizer, instruction set
// and aarch64 lanes, where no Python can follow. Buffers are exactly as large as the geometry says, so that a
// sanitizer sees every read or write beyond them. Prints one line per failure; exit status 1 if there was any.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "backward.cpp"
#include "backward_rows.cpp"
#include "backward_rows_inner.cpp"
#include "backward_strided.cpp"
#include "backward_strided_inner.cpp"
#define pool pool_forward
#include "forward.cpp"
#include "forward_rows.cpp"
#include "forward_rows_inner.cpp"
#include "forward_strided.cpp"
#include "forward_strided_inner.cpp"
#undef pool

static uint64_t state = 1;
static double uniform() {  // -1 .. 1
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(int64_t)(state >> 11) / (double)(1ll << 52) - 1.0;
}
static int64_t below(int64_t n) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (int64_t)((state >> 33) % (uint64_t)n);
}

// How a type is read, written and rounded, told apart from how the kernels do it. unit: half the distance of numbers.
struct As {
    static double read(float v) { return v; }
    static void write(float *p, double v) { *p = (float)v; }
    static double unit(const float *, double) { return 0; }  // far below what the sums lose

    static double read(bf16 v) {
        const uint32_t bits = (uint32_t)v.bits << 16;
        float f;
        memcpy(&f, &bits, 4);
        return f;
    }
    static void write(bf16 *p, double v) {
        const float f = (float)v;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        p->bits = (uint16_t)(bits >> 16);  // any number near it will do
    }
    static double unit(const bf16 *, double v) { return ldexp(1, ilogb(fabs(v) + 1e-30) - 8); }

    static double read(fp16 v) {
        const int exponent = v.bits >> 10 & 31, fraction = v.bits & 1023;
        const double size = exponent == 31  ? (fraction ? NAN : INFINITY)
                            : exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
        return v.bits & 0x8000 ? -size : size;
    }
    static void write(fp16 *p, double v) {
        int exponent;
        const double fraction = frexp(fabs(v), &exponent);
        const bool normal = exponent > -14;
        p->bits = (uint16_t)((v < 0 ? 0x8000 : 0) + (normal ? ((exponent + 14) << 10) + (int)(fraction * 2048) - 1024
                                                            : (int)ldexp(fabs(v), 24)));
    }
    static double unit(const fp16 *, double v) { return ldexp(1, ilogb(fabs(v) + 6e-5) - 11); }
};

struct Tensor {
    Element *data;  // malloc'd to the last byte
    size_t count;
    explicit Tensor(size_t n) : data((Element *)malloc(n * sizeof(Element))), count(n) {
        for (size_t i = 0; i < n; i++) As::write(data + i, 2 * uniform());
    }
    ~Tensor() { free(data); }
    double operator[](size_t i) const { return As::read(data[i]); }
};

static void transform(std::vector<double> &v) {
    for (size_t h = 1; h < v.size(); h *= 2)
        for (size_t i = 0; i < v.size(); i++)
            if (!(i & h)) {
                double a = v[i], b = v[i + h];
                v[i] = a + b;
                v[i + h] = a - b;
            }
}

struct Answer {
    std::vector<double> y, gx, gt, gs;
    bool smooth_here;  // no coefficient within rounding of its threshold, where gradients jump
};

static double effective(const Geometry &g, double t) {
    return g.threshold_mode == ABSOLUTE ? fabs(t) : g.threshold_mode == CLAMPED ? (t > 0 ? t : 0) : t;
}

// The layer and its gradients, place by place.
static Answer expected(const Geometry &g, const double *factor, const Tensor &x, const Tensor &gy, size_t y_count,
                       const std::vector<float> &threshold, const float *scale) {
    const int64_t length = g.p1 * g.p2, inner = g.kind == STRIDED ? g.inner : 1;
    Answer a;
    a.y.assign(y_count, 0);
    a.gx.assign(x.count, 0);
    a.gt.assign(length, 0);
    a.gs.assign(length, 0);
    a.smooth_here = true;
    for (int64_t o = 0; o < g.outer; o++)
        for (int64_t b = 0; b < g.blocks; b++)
            for (int64_t e = 0; e < inner; e++) {
                const bool last = b == g.blocks - 1;
                const int64_t n2 = last ? g.n2_last : g.n2, m2 = last ? g.m2_last : g.m2;
                const int64_t x0 = o * g.x_outer + b * g.x_block + e, y0 = o * g.y_outer + b * g.y_block + e;
                std::vector<double> v(length, 0), u(length), gu(length, 0), gv(length);
                for (int64_t k = 0; k < length; k++) {
                    int64_t at = valid_offset(k, g.p2, g.n1, n2, g.x1, g.x2);
                    if (at >= 0) v[k] = x[x0 + at];
                    at = valid_offset(k, g.p2, g.m1, m2, g.y1, g.y2);
                    if (at >= 0) gu[k] = gy[y0 + at];
                }
                transform(v);
                transform(gu);
                for (int64_t k = 0; k < length; k++) {
                    v[k] *= factor[0];
                    gu[k] *= factor[1];
                    const double t = effective(g, threshold[k]), s = scale ? scale[k] : 1, w = v[k] * s;
                    const double rest = fabs(w) > t ? fabs(w) - t : 0, open = fabs(w) > t ? 1 : 0;
                    const double sign = w > 0 ? 1 : w < 0 ? -1 : 0, h = tanh(w);
                    double slope;
                    if (fabs(fabs(w) - t) < 1e-5 * (1 + fabs(w)) || fabs(w) < 1e-5) a.smooth_here = false;
                    if (g.keep_first && k == 0) {
                        u[k] = v[k];
                        gv[k] = gu[k];
                        continue;
                    }
                    u[k] = g.nonlinearity == SMOOTH ? h * rest : sign * rest;
                    slope = g.nonlinearity == SMOOTH ? (1 - h * h) * rest + fabs(h) * open : open;
                    gv[k] = gu[k] * slope * s;
                    double by_t = -gu[k] * (g.nonlinearity == SMOOTH ? h : sign) * open;
                    if (g.threshold_mode == ABSOLUTE) by_t *= threshold[k] > 0 ? 1 : threshold[k] < 0 ? -1 : 0;
                    if (g.threshold_mode == CLAMPED) by_t *= threshold[k] > 0 ? 1 : 0;
                    a.gt[k] += by_t;
                    a.gs[k] += gu[k] * slope * v[k];
                }
                transform(u);
                transform(gv);
                for (int64_t k = 0; k < length; k++) {
                    const int64_t from = valid_offset(k, g.p2, g.n1, n2, g.x1, g.x2);
                    const int64_t to = valid_offset(k, g.p2, g.m1, m2, g.y1, g.y2);
                    const double plus = g.residual && from >= 0 ? x[x0 + from] : 0;
                    if (to >= 0) a.y[y0 + to] = u[k] * factor[1] + plus;
                    if (from >= 0)
                        a.gx[x0 + from] = gv[k] * factor[0] + (g.residual && to >= 0 ? gy[y0 + to] : 0);
                }
            }
    return a;
}

static int failures = 0, checked = 0;

// Within float32's rounding of the sums, and one rounding of the result to its own type.
template <class T> static void compare(const char *what, const Geometry &g, const T *got, const std::vector<double> &want) {
    double worst = 0, size = 1;
    for (double w : want) size = fabs(w) > size ? fabs(w) : size;
    for (size_t i = 0; i < want.size(); i++) {
        double error = fabs(As::read(got[i]) - want[i]) - As::unit(got, want[i]);
        if (!(error <= worst)) worst = error;  // a NaN stays
    }
    checked++;
    if (!(worst <= 1e-5 * size)) {
        failures++;
        printf("%s off by %g of %g: kind %d length %dx%d outer %d blocks %d inner %d valid %dx%d to %dx%d\n", what, worst,
               size, (int)g.kind, (int)g.p1, (int)g.p2, (int)g.outer, (int)g.blocks, (int)g.inner, (int)g.n1, (int)g.n2,
               (int)g.m1, (int)g.m2);
    }
}

static void check(Geometry g, int threads) {
    const int64_t length = g.p1 * g.p2;
    const double root = sqrt((double)length), choices[3][2] = {{1 / root, 1 / root}, {1.0 / (double)length, 1}, {1, 1.0 / (double)length}};
    const double *factor = choices[below(3)];
    const Tuning tuning = {below(2) ? 0 : 1 << 30, below(2) ? 0 : 1 << 30, below(2), 16 << below(4)};
    Plan *plan = (Plan *)wht_plan(&g, &tuning, factor, 0);
    if (!plan) {
        printf("no plan\n");
        failures++;
        return;
    }
    Tensor x(plan->x_extent), gy(plan->y_extent), y(plan->y_extent), gx(plan->x_extent);
    std::vector<float> threshold(length), scale(length), gt(length), gs(length);
    // A negative soft threshold jumps at 0, where float32 and double fall on different sides.
    for (float &t : threshold) t = (float)(0.3 * (g.nonlinearity == SOFT ? fabs(uniform()) : uniform()));
    for (float &s : scale) s = (float)(1.5 * uniform());
    const float *s = below(2) ? scale.data() : 0;
    Answer want = expected(g, factor, x, gy, y.count, threshold, s);
    memset((void *)y.data, 0, y.count * sizeof(Element));
    memset((void *)gx.data, 0, gx.count * sizeof(Element));
    if (wht_forward(plan, x.data, y.data, threshold.data(), s, threads)) failures++;
    compare("forward", g, y.data, want.y);
    if (wht_backward(plan, x.data, gy.data, gx.data, threshold.data(), s, gt.data(), s ? gs.data() : 0, threads)) failures++;
    if (want.smooth_here) {
        compare("gradient of x", g, gx.data, want.gx);
        compare("gradient of the threshold", g, gt.data(), want.gt);
        if (s) compare("gradient of the scale", g, gs.data(), want.gs);
    }
    plan_free(plan);
}

// Takes the place of the pool: runs each chunk alone and looks which cache lines of the output it writes.
static Element *watched;
static size_t watched_count;
static int64_t chunks_seen, torn_lines, missed;
static void watch(void (*)(void *), void *argument, unsigned, unsigned) {
    Share *share = (Share *)argument;
    const size_t bytes = watched_count * sizeof(Element), lines = (bytes + 63) / 64;
    std::vector<int64_t> writer(lines, -1);
    std::vector<Element> all(watched_count);
    std::vector<bool> written(watched_count);
    chunks_seen = share->chunks;
    for (int64_t chunk = 0; chunk < share->chunks; chunk++) {
        memset((void *)watched, 0xff, bytes);  // a NaN, which finite inputs never give
        const int64_t end = (chunk + 1) * share->grain;
        share->work(share->context, chunk * share->grain, end < share->units ? end : share->units);
        for (size_t i = 0; i < watched_count; i++) {
            if (As::read(watched[i]) != As::read(watched[i])) continue;
            int64_t &by = writer[i * sizeof(Element) / 64];
            if (by >= 0 && by != chunk) torn_lines++;
            by = chunk;
            all[i] = watched[i];
            written[i] = true;
        }
    }
    for (size_t i = 0; i < watched_count; i++) missed += !written[i];
    memcpy((void *)watched, all.data(), bytes);
}

// One image on several threads: each line of the output is written by one of them, and with the same bits as by one alone.
static void check_lines(int64_t length, int64_t inner, int threads, bool expect) {
    Geometry g = {};
    g.dtype = sizeof(Element) == sizeof(float) ? FLOAT32 : BFLOAT16;
    g.outer = g.blocks = g.p1 = g.n1 = g.m1 = 1;
    g.inner = g.x2 = g.y2 = inner;
    g.p2 = g.n2 = g.m2 = g.n2_last = g.m2_last = length;
    g.x1 = g.y1 = g.x_outer = g.y_outer = length * inner;
    const double factors[2] = {1 / sqrt((double)length), 1 / sqrt((double)length)};
    const Tuning tuning = {1 << 30, 1 << 30, 1, 64};
    void *plan = wht_plan(&g, &tuning, factors, 0);
    Tensor x(length * inner), alone(length * inner);
    std::vector<float> threshold(length, 0.2f);
    void *memory = 0;
    if (!plan || posix_memalign(&memory, 64, x.count * sizeof(Element)) ||
        wht_forward(plan, x.data, alone.data, threshold.data(), 0, 1)) {
        failures++;
        return;
    }
    watched = (Element *)memory;
    watched_count = x.count;
    torn_lines = missed = chunks_seen = 0;
    wht_set_pool((void *)watch);
    if (wht_forward(plan, x.data, watched, threshold.data(), 0, threads)) failures++;
    wht_set_pool(0);
    checked++;
    const bool same = memcmp(watched, alone.data, x.count * sizeof(Element)) == 0;
    if (!same || missed || (expect && (torn_lines || chunks_seen != threads))) {
        failures++;
        printf("length %d inner %d on %d threads: %d chunks, %d elements in lines of two, %d missed, %s bits\n", (int)length,
               (int)inner, threads, (int)chunks_seen, (int)torn_lines, (int)missed, same ? "the same" : "other");
    }
    // In place, where a pixel that two compute is gone when the second one comes, they must not.
    memcpy((void *)watched, x.data, x.count * sizeof(Element));
    if (wht_forward(plan, watched, watched, threshold.data(), 0, threads)) failures++;
    checked++;
    if (memcmp(watched, alone.data, x.count * sizeof(Element)) != 0) {
        failures++;
        printf("length %d inner %d on %d threads in place: other bits\n", (int)length, (int)inner, threads);
    }
    free(memory);
    wht_free(plan);
}

int main(int argc, char **argv) {
    const int rounds = argc > 1 ? atoi(argv[1]) : 200, threads = argc > 2 ? atoi(argv[2]) : 3;
    const int64_t longest = argc > 3 ? atoi(argv[3]) : 1024;
    for (int i = 0; i < rounds; i++) {
        Geometry g = {};
        g.kind = below(2);
        g.dtype = sizeof(Element) == sizeof(float) ? FLOAT32 : BFLOAT16;
        g.nonlinearity = below(2);
        g.threshold_mode = below(3);
        g.keep_first = below(2);
        g.outer = 1 + below(3);
        g.blocks = 1;
        g.p1 = below(2) ? 1 : 2ll << below(4);
        g.p2 = 2ll << below(6);
        while (g.p1 * g.p2 * 2 <= longest && below(3)) g.p2 *= 2;
        g.n1 = g.m1 = g.p1 - below(g.p1 / 2 + 1) % g.p1;
        g.n2 = g.m2 = below(2) ? g.p2 : 1 + below(g.p2);
        if (g.p1 == 1 && below(2)) g.m2 = 1 + below(g.p2);
        g.residual = g.m2 == g.n2 && below(2);
        g.n2_last = g.n2;
        g.m2_last = g.m2;
        if (g.kind == STRIDED) {
            g.inner = below(2) ? 1 + below(20) : below(2) ? 16 * (1 + below(12)) : 1 + below(400);
            const int64_t gap = below(2) ? 0 : below(5);
            g.x2 = g.y2 = g.inner + gap;
        } else {
            g.inner = 1;
            g.x2 = g.y2 = 1;
        }
        g.x1 = g.x2 * g.n2;
        g.y1 = g.y2 * g.m2;
        g.x_outer = g.x1 * g.n1;
        g.y_outer = g.y1 * g.m1;
        if (g.p1 == 1 && below(2)) {  // blocks along the axis, the last one not full
            g.blocks = 2 + below(3);
            g.n1 = g.m1 = 1;
            g.n2 = g.m2 = g.p2;
            g.n2_last = 1 + below(g.p2);
            g.m2_last = g.residual ? g.n2_last : 1 + below(g.p2);
            g.x_block = g.x2 * g.p2;
            g.y_block = g.y2 * g.p2;
            g.x_outer = g.x_block * (g.blocks - 1) + g.x2 * g.n2_last;
            g.y_outer = g.y_block * (g.blocks - 1) + g.y2 * g.m2_last;
        }
        check(g, threads);
    }
    // in vectors of four elements of two bytes the two tiles are 1.31 times the row: not worth it
    check_lines(256, 14 * 14, 2, sizeof(Element) == sizeof(float) || VL > 4);
    check_lines(64, 14 * 14, 2, sizeof(Element) == sizeof(float) || VL > 4);
    check_lines(512, 10 * 10, 2, sizeof(Element) == sizeof(float));
    check_lines(256, 13 * 13, 2, sizeof(Element) == sizeof(float));
    for (int64_t inner = 1; inner < 300; inner += 1 + below(29))
        for (int t = 2; t < 6; t++) check_lines(32 << below(4), inner, t, false);
    printf("%d comparisons, %d failures, %d-byte vectors, %d-byte elements\n", checked, failures, wht_vector_bytes(),
           (int)sizeof(Element));
    return failures != 0;
}
