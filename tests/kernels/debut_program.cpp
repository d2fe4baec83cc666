// Random chains and shapes through the DeBut kernel, against the factors applied one by one in float64.
// Arguments: number of cases, most threads.
#include "debut/debut.cpp"
#include "debut/narrow.cpp"
#include "debut/stages_one.cpp"
#include "debut/stages_two.cpp"
#include "program.h"

static std::vector<double> apply(const Factor &f, const float *w, const std::vector<double> &in) {
    std::vector<double> out(f.blocks * f.r * f.t, 0.0);
    for (int64_t b = 0; b < f.blocks; b++)
        for (int64_t i = 0; i < f.r; i++)
            for (int64_t j = 0; j < f.s; j++)
                for (int64_t k = 0; k < f.t; k++)
                    out[(b * f.r + i) * f.t + k] += (double)w[((b * f.r + i) * f.s + j) * f.t + k] * in[(b * f.s + j) * f.t + k];
    return out;
}

int main(int, char **arguments) {
    const int cases = atoi(arguments[1]), most_threads = atoi(arguments[2]);
    int failures = 0, few = 0, direct = 0, rests = 0, moved = 0, plain = 0, whole = 0;
    int given = 0, given_direct = 0, given_rests = 0;
    for (int number = 0; number < cases; number++) {
        const bool linear = pick(0, 3) == 0;
        // Small planes whose chain begins as published ones do: half a vector or a whole one of outputs of a channel.
        const bool published = !linear && pick(0, 1) == 0, same = published && pick(0, 2);
        // Or planes that leave a few positions past their last whole vector of 16.
        const bool left = same && pick(0, 1);
        const int64_t kh = linear ? 1 : same ? 3 : pick(1, 3), kw = linear ? 1 : same ? 3 : pick(1, 3), taps = kh * kw;
        static const int64_t LEFT[][2] = {{7, 7}, {6, 6}, {3, 7}, {9, 2}, {4, 5}, {9, 9}, {2, 9}};
        const int64_t *odd = LEFT[pick(0, 6)];
        static const int64_t R[] = {1, 2, 2, 3, 4, 8, 16, 17}, S[] = {1, 2, 2, 4, 4, 3, 8};
        std::vector<int64_t> r, s;
        const int64_t length = pick(published ? 3 : 1, 5);
        int64_t size = 1, outputs = 1;
        for (int64_t i = 0; i < length; i++) {
            int64_t a = R[pick(0, 7)], c = i == 0 && !linear && pick(0, 3) ? taps : S[pick(0, 6)];
            if (size * c > 600) c = 1;
            if (outputs * a > 200) a = 1;
            if (published && i == 0) a = pick(0, 2) ? VL / 2 : VL, c = taps;
            if (published && i == 1) a = c = 2;
            r.push_back(a), s.push_back(c), size *= c, outputs *= a;
        }
        if (size % taps) { s.insert(s.begin(), taps), r.insert(r.begin(), 1), size *= taps; }
        const int64_t count = (int64_t)s.size();
        std::vector<int64_t> numbers(1, count);
        std::vector<std::vector<float>> weights;
        std::vector<const float *> pointers;
        int64_t inner = size, t = 1;
        for (int64_t i = 0; i < count; i++) {
            const int64_t blocks = inner / (s[i] * t);
            const int64_t shape[] = {blocks, r[i], s[i], t};
            numbers.insert(numbers.end(), shape, shape + 4);
            weights.push_back(randoms(blocks * r[i] * s[i] * t));
            inner = blocks * r[i] * t, t *= r[i];
        }
        // Weights of zero, which are no units with features in lanes: some, half of them, those of a factor or all.
        enum { SOME, HALF, FACTOR, ALL };
        const int64_t pruned = pick(0, 11), chosen = pick(0, count - 1);
        for (int64_t i = 0; i < count; i++)
            for (float &w : weights[i])
                if ((pruned == SOME && !pick(0, 40)) || (pruned == HALF && pick(0, 1)) || (pruned == FACTOR && i == chosen) ||
                    pruned == ALL)
                    w = 0;
        for (auto &w : weights) pointers.push_back(w.data());
        const int64_t features = size / taps - (size / taps > 2 ? !pick(0, 3) : 0), out = inner - (inner > 2 ? pick(0, 1) : 0);
        const int64_t images = linear ? 1 : pick(1, 3), sh = same ? 1 : pick(1, 2), sw = same ? 1 : pick(1, 2);
        const bool bare = published && pick(0, 2);  // of few positions on any machine
        const int64_t ph = same ? 1 : bare ? 0 : pick(0, 2), pw = same ? 1 : bare ? 0 : pick(0, 2), side = pick(0, 1) ? 3 : 2 * pick(1, 2);
        const bool small = published || pick(0, 2) == 0;  // of features in lanes
        const int64_t height = left ? odd[0] : same ? side : linear ? pick(1, small ? 2 : 40) : pick(kh, small ? kh : 12);
        const int64_t width = left ? odd[1] : same ? side : linear ? 1 : pick(kw, small ? kw : 20), tap_order = pick(0, 1);
        const int64_t oh = linear ? height : (height + 2 * ph - kh) / sh + 1, ow = linear ? 1 : (width + 2 * pw - kw) / sw + 1;
        int64_t geometry[] = {linear, 0, images, features, out, tap_order, height, width, oh, ow, kh, kw, sh, sw, ph, pw,
                              features * height * width, height * width, width, 1};
        if (linear) {
            const int64_t rows[] = {1, 0, 1, features, out, 0, height, 1, height, 1, 1, 1, 1, 1, 0, 0, 0, 1, features, 1};
            memcpy(geometry, rows, sizeof rows);
        }
        const std::vector<float> x = randoms(images * features * height * width), bias = randoms(out);
        void *chain = debut_chain(numbers.data());
        void *plan = debut_plan(chain, geometry);
        std::vector<float> packed(debut_packed_floats(plan));
        debut_pack(plan, pointers.data(), bias.data(), out, packed.data());
        const Plan &made = *(Plan *)plan;
        const bool units = packing_of(made) != WIDE && packed[0];
        few += packing_of(made) == NARROW;
        direct += made.narrow.direct;
        rests += made.rest != 0;
        given += packing_of(made) == NARROW && !units;
        given_direct += packing_of(made) == NARROW && !units && made.narrow.direct;
        given_rests += made.rest && !units;
        moved += (made.plain && !units ? *made.plain : made).moves;
        plain += made.plain && !units;
        whole += made.plain && units;
        std::vector<double> wanted(images * out * oh * ow);
        for (int64_t n = 0; n < images; n++)
            for (int64_t y = 0; y < oh; y++)
                for (int64_t column = 0; column < ow; column++) {
                    std::vector<double> values(size, 0.0);
                    for (int64_t f = 0; f < size; f++) {
                        const int64_t c = tap_order && !linear ? f % (size / taps) : f / taps;
                        const int64_t tap = tap_order && !linear ? f / (size / taps) : f % taps;
                        const int64_t h = linear ? y : y * sh + tap / kw - ph, v = linear ? 0 : column * sw + tap % kw - pw;
                        if (c >= features || h < 0 || h >= height || v < 0 || v >= width) continue;
                        values[f] = linear ? x[h * features + c] : x[((n * features + c) * height + h) * width + v];
                    }
                    for (int64_t i = 0; i < count; i++) values = apply(((Chain *)chain)->factors[i], pointers[i], values);
                    for (int64_t m = 0; m < out; m++)
                        wanted[linear ? y * out + m : ((n * out + m) * oh + y) * ow + column] = values[m] + bias[m];
                }
        std::vector<float> first;
        for (int threads = 1; threads <= most_threads; threads++) {
            std::vector<float> got(wanted.size(), NAN);
            if (debut_forward(plan, x.data(), got.data(), packed.data(), threads)) return 2;
            if (threads == 1) {
                first = got;
                if (wrong(got, wanted)) failures++, printf("case %d is wrong\n", number);
            } else if (memcmp(first.data(), got.data(), got.size() * 4)) {
                failures++, printf("case %d differs with %d threads\n", number, threads);
            }
        }
        debut_plan_free(plan);
        debut_chain_free(chain);
    }
    if (few < cases / 50) failures++, printf("only %d cases had features in lanes\n", few);
    if (direct < cases / 100) failures++, printf("only %d cases made features in their places\n", direct);
    if (MASKED_LANES && rests < cases / 100) failures++, printf("only %d cases had planes with a rest\n", rests);
    if (given < cases / 100) failures++, printf("only %d cases had weights that are no units\n", given);
    if (given_direct < cases / 200) failures++, printf("only %d of them made features in their places\n", given_direct);
    if (MASKED_LANES && given_rests < cases / 200) failures++, printf("only %d cases had such weights and a rest\n", given_rests);
    if (VL == 16 && plain < cases / 200) failures++, printf("only %d cases had them and planes of a vector\n", plain);
    if (VL == 16 && whole < cases / 200) failures++, printf("only %d cases had planes of a vector, features in lanes\n", whole);
    if (MASKED_LANES && moved < cases / 100) failures++, printf("only %d cases moved lanes\n", moved);
    printf("%d-byte vectors, %d cases, %d failures\n", debut_vector_bytes(), cases, failures);
    return failures != 0;
}
