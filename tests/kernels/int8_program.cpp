// Test program of the 1-D layer in 8-bit integers: many shapes, scales and tables against the same integers one by one.
// Built by the sanitizer, instruction set and aarch64 lanes, where no Python can follow. Buffers are exactly as large as
// the tensors. Prints one line per failure; exit status 1 if there was any.
#include "int8/int8.cpp"
#include <stdio.h>

#include <vector>

static uint64_t random_state = 1;
static int64_t pick(int64_t least, int64_t most) {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return least + (int64_t)(random_state >> 33) % (most - least + 1);
}

typedef std::vector<int64_t> Numbers;

static int64_t limited(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }
static int64_t word(int64_t v) { return limited(v, -32768, 32767); }
static int64_t rounded(int64_t v, int64_t factor) { return (v * factor + 16384) >> 15; }

static int64_t overflows = 0;
static void join(Numbers &v, int64_t from, int64_t count) {
    for (int64_t h = (int64_t)1 << from; h < (int64_t)1 << (from + count); h *= 2)
        for (int64_t i = 0; i < (int64_t)v.size(); i++)
            if (!(i & h)) {
                const int64_t a = v[i], b = v[i + h];
                v[i] = a + b;
                v[i + h] = a - b;
                overflows += v[i] != word(v[i]) || v[i + h] != word(v[i + h]);
            }
}
static void divide(Numbers &v, int64_t shift, int64_t pixel) {
    if (shift)
        for (int64_t &one : v) one = rounded(one, (32768 >> shift) + (pixel & 1 ? -1 : 1));
}
static int64_t thresholded(const Layer &g, const int16_t *pieces, int64_t v, int64_t limit) {
    const int64_t size = limited(v < 0 ? -v : v, 0, g.nonlinearity == SMOOTH ? 32767 : 32768);
    int64_t rest = size > limit ? size - limit : 0;
    if (g.nonlinearity == SMOOTH) {
        const int64_t near = limited(size, 0, (PIECES << g.piece_bits) - 1), piece = near >> g.piece_bits;
        rest = rounded(rest, pieces[piece] + (((near << (16 - g.piece_bits)) & 0xffff) * pieces[PIECES + piece] >> 16));
    }
    return v < 0 ? -rest : rest;
}

static int64_t signed_byte(int64_t byte, int64_t flip) { return (int8_t)(byte ^ flip); }

static int check(int threads) {
    static const int64_t SHIFTS[8][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}, {0, 1, 1, 1},
                                         {0, 2, 1, 1}, {1, 2, 1, 2}, {2, 2, 1, 2}, {3, 2, 2, 2}};
    const int64_t bits = pick(4, 11);
    Layer g = {};
    g.size = (int64_t)1 << bits;
    g.images = pick(1, 3);
    g.channels = pick(1, g.size);
    g.out_channels = pick(1, g.size);
    g.pixels = pick(1, bits > 8 ? 70 : 200);
    g.nonlinearity = pick(0, 1);
    g.first_bits = (bits - 2) / 2;
    g.middle_bits = bits - 3 - g.first_bits;
    g.forward_shift = SHIFTS[bits - 4][0];
    g.core_shift = SHIFTS[bits - 4][1];
    g.middle_shift = SHIFTS[bits - 4][2];
    g.last_shift = SHIFTS[bits - 4][3];
    g.flip = pick(0, 1) * 128;
    g.pad = pick(0, 255);
    const int64_t farthest = limited(128 * g.size >> g.forward_shift, 0, 32767);
    g.offset = pick(0, 2) ? pick(-farthest, farthest) : 0;
    g.before = pick(-4096, 4096);
    g.even = pick(256, 32767);
    g.odd = pick(256, 32767);
    g.zero = pick(-128, 127);
    g.piece_bits = pick(1, 10);
    std::vector<uint8_t> x(g.images * g.channels * g.pixels), y(g.images * g.out_channels * g.pixels);
    const bool extreme = pick(0, 3) == 0;
    for (uint8_t &one : x) one = (uint8_t)(extreme ? pick(0, 1) * 255 : pick(0, 255));
    Numbers limits(g.size);
    for (int64_t &one : limits) one = pick(0, 1) ? pick(0, 300) : pick(0, 32767);
    std::vector<int16_t> tables;
    const int64_t rows = g.size >> g.first_bits;
    for (int64_t low = 0; low < g.size / rows; low++)
        for (int64_t row = 0; row < rows; row++) tables.push_back((int16_t)limits[row << g.first_bits | low]);
    for (int i = 0; i < 2 * PIECES; i++) tables.push_back((int16_t)(i < PIECES ? pick(0, 30000) : pick(0, 2767)));
    const int16_t *pieces = tables.data() + g.size;
    if (int8_forward((const int64_t *)&g, x.data(), y.data(), tables.data(), threads)) return 1;
    const int64_t core = g.first_bits, above = g.first_bits + 3;
    int64_t wrong = 0;
    for (int64_t image = 0; image < g.images; image++)
        for (int64_t pixel = 0; pixel < g.pixels; pixel++) {
            Numbers v(g.size, signed_byte(g.pad, g.flip));
            for (int64_t c = 0; c < g.channels; c++)
                v[c] = signed_byte(x[(image * g.channels + c) * g.pixels + pixel], g.flip);
            join(v, 0, g.first_bits);
            join(v, above, g.middle_bits);
            divide(v, g.forward_shift, pixel);
            if (bits == 11)
                for (int64_t &one : v) one = one < -4096 ? -4096 : one;
            join(v, core, 3);
            const int64_t given = v[0], whole = word(given + g.offset);
            for (int64_t k = 1; k < g.size; k++) v[k] = thresholded(g, pieces, v[k], limits[k]);
            const int64_t kept = thresholded(g, pieces, whole, limits[0]);
            v[0] = g.offset ? word(given - word(whole - kept)) : kept;
            divide(v, g.core_shift, pixel + 1);
            join(v, core, 3);
            divide(v, g.middle_shift, pixel);
            join(v, above, g.middle_bits);
            divide(v, g.last_shift, pixel + 1);
            join(v, 0, g.first_bits);
            for (int64_t c = 0; c < g.out_channels; c++) {
                const int64_t last = rounded(word(v[c] + g.before), pixel & 1 ? g.odd : g.even);
                const int64_t byte = limited(word(last + g.zero), -128, 127);
                wrong += signed_byte(y[(image * g.out_channels + c) * g.pixels + pixel], g.flip) != byte;
            }
        }
    if (wrong) printf("size %d: %d of %d bytes are wrong\n", (int)g.size, (int)wrong, (int)y.size());
    return wrong > 0;
}

int main(int argc, char **argv) {
    const int rounds = argc > 1 ? atoi(argv[1]) : 200, threads = argc > 2 ? atoi(argv[2]) : 3;
    int failures = 0;
    for (int i = 0; i < rounds; i++) failures += check(1 + i % threads);
    if (overflows) failures++, printf("%d sums went beyond 16 bits\n", (int)overflows);
    printf("%d comparisons, %d failures, %d-byte vectors\n", rounds, failures, WORD_BYTES);
    return failures != 0;
}
