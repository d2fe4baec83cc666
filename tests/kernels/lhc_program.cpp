// Random block-sparse convolutions through the LHC kernel, against the sum over kept weights in float64.
// Arguments: number of cases, most threads.
#include "lhc/lhc.cpp"
#include "program.h"

int main(int, char **arguments) {
    const int cases = atoi(arguments[1]), most_threads = atoi(arguments[2]);
    int failures = 0;
    for (int number = 0; number < cases; number++) {
        const int64_t in = pick(1, 40), out = pick(1, 40), group_in = pick(1, 20), group_out = pick(1, 24);
        const int64_t kh = pick(1, 3), kw = pick(1, 3), sh = pick(1, 2), sw = pick(1, 2), ph = pick(0, 2), pw = pick(0, 2);
        const int64_t height = pick(kh, 13), width = pick(kw, 30), images = pick(1, 2), shape = pick(0, 1);
        const int64_t oh = (height + 2 * ph - kh) / sh + 1, ow = (width + 2 * pw - kw) / sw + 1;
        const int64_t groups = (out + group_out - 1) / group_out, part = lhc_part((int)shape);
        const int64_t parts = (group_out + part - 1) / part;
        const std::vector<float> x = randoms(images * in * height * width), bias = randoms(out);
        std::vector<double> wanted(images * out * oh * ow, 0.0);
        std::vector<int64_t> begin, blocks;
        std::vector<float> packed;
        for (int64_t n = 0; n < images; n++)
            for (int64_t i = 0; i < out * oh * ow; i++) wanted[n * out * oh * ow + i] = bias[i / (oh * ow)];
        for (int64_t g = 0; g < groups; g++) {
            begin.push_back((int64_t)blocks.size() / 4);
            std::vector<std::vector<float>> streams(parts);
            for (int64_t first = 0; first < in; first += group_in)
                for (int64_t tap = 0; tap < kh * kw; tap++) {
                    if (pick(0, 2)) continue;
                    const int64_t inputs = first + group_in < in ? group_in : in - first;
                    const int64_t block[] = {first, inputs, tap / kw, tap % kw};
                    blocks.insert(blocks.end(), block, block + 4);
                    for (int64_t c = first; c < first + inputs; c++)
                        for (int64_t o = 0; o < parts * part; o++) {
                            const int64_t output = g * group_out + o;
                            const bool real = o < group_out && output < out;
                            const float w = real ? uniform() : 0;
                            streams[o / part].push_back(w);
                            for (int64_t i = 0; real && i < images * oh * ow; i++) {
                                const int64_t n = i / (oh * ow), y = i / ow % oh, column = i % ow;
                                const int64_t h = y * sh + tap / kw - ph, v = column * sw + tap % kw - pw;
                                if (h >= 0 && h < height && v >= 0 && v < width)
                                    wanted[((n * out + output) * oh + y) * ow + column] +=
                                        (double)w * x[((n * in + c) * height + h) * width + v];
                            }
                        }
                }
            for (auto &stream : streams) packed.insert(packed.end(), stream.begin(), stream.end());
        }
        begin.push_back((int64_t)blocks.size() / 4);
        for (int64_t g = 0; g < groups; g++)
            for (int64_t o = 0; o < parts * part; o++) {
                const int64_t output = g * group_out + o;
                packed.push_back(o < group_out && output < out ? bias[output] : 0);
            }
        const int64_t geometry[] = {0, images, in, out, group_out, groups, shape, height, width, oh, ow, kh, kw, sh, sw, ph,
                                    pw, in * height * width, height * width, width, 1};
        void *plan = lhc_plan(geometry, begin.data(), blocks.data());
        std::vector<float> first;
        for (int threads = 1; threads <= most_threads; threads++) {
            std::vector<float> got(wanted.size(), NAN);
            if (lhc_forward(plan, x.data(), got.data(), packed.data(), threads)) return 2;
            if (threads == 1) {
                first = got;
                if (wrong(got, wanted)) failures++, printf("case %d is wrong\n", number);
            } else if (memcmp(first.data(), got.data(), got.size() * 4)) {
                failures++, printf("case %d differs with %d threads\n", number, threads);
            }
        }
        lhc_plan_free(plan);
    }
    printf("%d-byte vectors, %d cases, %d failures\n", lhc_vector_bytes(), cases, failures);
    return failures != 0;
}
