// What the families' test programs share: random numbers and the comparison with a float64 reference.
#pragma once
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

static uint64_t random_state = 1;
static uint32_t random_bits() {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(random_state >> 33);
}
static int64_t pick(int64_t least, int64_t most) { return least + random_bits() % (most - least + 1); }
static float uniform() { return (float)(random_bits() % 20001) / 10000.0f - 1.0f; }

// Buffers of their exact size on the heap, so that sanitizers see every element read or written beyond.
static std::vector<float> randoms(size_t count) {
    std::vector<float> found(count);
    for (float &x : found) x = uniform();
    return found;
}

// Counts elements of `got` farther from `wanted` than rounding explains; NaN counts.
static int wrong(const std::vector<float> &got, const std::vector<double> &wanted) {
    double largest = 1e-3;
    for (double w : wanted) largest = fmax(largest, fabs(w));
    int count = 0;
    for (size_t i = 0; i < got.size(); i++) count += !(fabs(got[i] - wanted[i]) <= 2e-5 * largest);
    return count;
}
