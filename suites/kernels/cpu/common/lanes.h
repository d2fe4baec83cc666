// Parts of vectors: loads and stores of the first lanes, lanes chosen by a mask, and transposed tiles.
// Intrinsics only where AVX-512 has a mask for it; everything else goes through memory.
#pragma once
#include <string.h>
#include "vec.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define MASKED_LANES 1
typedef __mmask16 Lanes;  // a bit for each lane
static INLINE Lanes first_lanes(int64_t count) {
    return count >= VL ? (Lanes)0xffff : count > 0 ? (Lanes)((1u << count) - 1) : 0;
}
// Zero in the lanes that are not wanted; memory is touched in wanted lanes only.
static INLINE vf load_lanes(const float *p, Lanes lanes) { return (vf)_mm512_maskz_loadu_ps(lanes, p); }
static INLINE void store_lanes(float *p, vf v, Lanes lanes) { _mm512_mask_storeu_ps(p, lanes, (__m512)v); }
// Lane l of the result is lane from[l] of v, or zero where from[l] is VL.
static INLINE vf move_lanes(vf v, vi from) {
    return (vf)_mm512_permutex2var_ps((__m512)v, (__m512i)from, _mm512_setzero_ps());
}
// The wanted lanes moved to the front, zeros after them.
static INLINE vf squeeze_lanes(vf v, Lanes lanes) { return (vf)_mm512_maskz_compress_ps(lanes, (__m512)v); }
#else
#define MASKED_LANES 0
typedef uint32_t Lanes;
static INLINE Lanes first_lanes(int64_t count) {
    return count > 0 ? (Lanes)((1u << (count < VL ? count : VL)) - 1) : 0;
}
#endif

// The first `count` elements (none if it is not positive), zeros after them; reads nothing beyond them.
template <class T> static INLINE vf load_first(const T *p, int64_t count) {
    if (count >= VL) return load(p);
    T all[VL] = {};
    memcpy(all, p, count > 0 ? count * sizeof(T) : 0);
    return load(all);
}
template <class T> static INLINE void store_first(T *p, vf v, int64_t count) {
    if (count >= VL) return store(p, v);
    T all[VL];
    store(all, v);
    memcpy(p, all, count > 0 ? count * sizeof(T) : 0);
}
#if MASKED_LANES
static INLINE vf load_first(const float *p, int64_t count) {
    return count >= VL ? load(p) : load_lanes(p, first_lanes(count));
}
static INLINE void store_first(float *p, vf v, int64_t count) {
    if (count >= VL) store(p, v);
    else store_lanes(p, v, first_lanes(count));
}
#endif

// `count` <= VL elements `step` apart.
template <class T> static INLINE vf load_spaced(const T *p, int64_t step, int64_t count) {
    if (step == 1) return load_first(p, count);
    T all[VL] = {};
    for (int64_t i = 0; i < count; i++) all[i] = p[i * step];
    return load(all);
}

// Lane l of the result is number from(l) of the lanes of a and, after them, those of b.
template <class F> static INLINE vf chosen(vf a, vf b, F from) {
#if defined(__GNUC__) && !defined(__clang__)
    vi lanes = {};  // or GCC takes it for read before it is written
    for (int l = 0; l < VL; l++) lanes[l] = from(l);
    return __builtin_shuffle(a, b, lanes);
#else
    vf v;
    for (int l = 0; l < VL; l++) v[l] = from(l) < VL ? a[from(l) % VL] : b[from(l) % VL];
    return v;
#endif
}

// Four vectors of VL lanes: lane l of vector i goes to lane l / 4 * 4 + i of vector l % 4, so that the four values of
// each l lie side by side. In steps that are one cheap instruction each on x86.
static INLINE void transpose_quads(vf *v) {
    auto zip = [](int l) UNROLLED { return l / 4 * 4 + l % 4 / 2 + l % 2 * VL; };
    auto zip_high = [](int l) UNROLLED { return l / 4 * 4 + 2 + l % 4 / 2 + l % 2 * VL; };
    auto low = [](int l) UNROLLED { return l / 4 * 4 + l % 2 + l % 4 / 2 * VL; };
    auto high = [](int l) UNROLLED { return l / 4 * 4 + 2 + l % 2 + l % 4 / 2 * VL; };
    const vf a = chosen(v[0], v[1], zip), b = chosen(v[0], v[1], zip_high);
    const vf c = chosen(v[2], v[3], zip), d = chosen(v[2], v[3], zip_high);
    v[0] = chosen(a, c, low);
    v[1] = chosen(a, c, high);
    v[2] = chosen(b, d, low);
    v[3] = chosen(b, d, high);
}

// VL vectors of VL lanes: lane l of vector i goes to lane i of vector l.
static INLINE void transpose(vf *v) {
    Each<VL / 4>::run([v](int i) UNROLLED { transpose_quads(v + 4 * i); });
#if VL == 16
    auto even = [](int l) UNROLLED { return l / 4 % 2 * 8 + l % 4 + l / 8 * VL; };
    auto odd = [](int l) UNROLLED { return l / 4 % 2 * 8 + 4 + l % 4 + l / 8 * VL; };
    Each<4>::run([&](int j) UNROLLED {
        const vf a = chosen(v[j], v[4 + j], even), b = chosen(v[j], v[4 + j], odd);
        const vf c = chosen(v[8 + j], v[12 + j], even), d = chosen(v[8 + j], v[12 + j], odd);
        v[j] = chosen(a, c, even);
        v[4 + j] = chosen(b, d, even);
        v[8 + j] = chosen(a, c, odd);
        v[12 + j] = chosen(b, d, odd);
    });
#elif VL == 8
    auto low = [](int l) UNROLLED { return l < 4 ? l : l - 4 + VL; };
    auto high = [](int l) UNROLLED { return l < 4 ? l + 4 : l + VL; };
    Each<4>::run([&](int j) UNROLLED {
        const vf a = v[j], b = v[4 + j];
        v[j] = chosen(a, b, low);
        v[4 + j] = chosen(a, b, high);
    });
#endif
}
