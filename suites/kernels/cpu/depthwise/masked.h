// The one place with intrinsics: loads and stores of some lanes, which touch nothing in the others' memory.
#pragma once
#include "../vec.h"
#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
typedef uint16_t Lanes;  // one bit for each lane
static INLINE Lanes lanes_between(int64_t first, int64_t end) {
    const uint32_t upto_end = end >= VL ? 0xffff : end <= 0 ? 0 : (1u << end) - 1;
    const uint32_t below = first >= VL ? 0xffff : first <= 0 ? 0 : (1u << first) - 1;
    return (Lanes)(upto_end & ~below);
}
static INLINE vf load_lanes(const float *p, Lanes lanes) { return (vf)_mm512_maskz_loadu_ps(lanes, p); }
static INLINE void store_lanes(float *p, vf v, Lanes lanes) { _mm512_mask_storeu_ps(p, lanes, (__m512)v); }
#else
typedef struct { int first, end; } Lanes;
static INLINE Lanes lanes_between(int64_t first, int64_t end) {
    return Lanes{(int)(first < 0 ? 0 : first), (int)(end > VL ? VL : end)};
}
static INLINE vf load_lanes(const float *p, Lanes lanes) {
    vf v = {};
    for (int l = 0; l < VL; l++)
        if (l >= lanes.first && l < lanes.end) v[l] = p[l];
    return v;
}
static INLINE void store_lanes(float *p, vf v, Lanes lanes) {
    for (int l = 0; l < VL; l++)
        if (l >= lanes.first && l < lanes.end) p[l] = v[l];
}
#endif

// The first `count` elements of a row, zeros after them, as float32; and back, rounded once.
static INLINE vf load_first(const float *p, int64_t count) { return load_lanes(p, lanes_between(0, count)); }
static INLINE void store_first(float *p, vf v, int64_t count) { store_lanes(p, v, lanes_between(0, count)); }
template <class T> static INLINE vf load_first(const T *p, int64_t count) {
    T all[VL] = {};
    memcpy(all, p, count * sizeof(T));
    return load(all);
}
template <class T> static INLINE void store_first(T *p, vf v, int64_t count) {
    T all[VL];
    store(all, v);
    memcpy(p, all, count * sizeof(T));
}
