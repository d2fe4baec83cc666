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

// One step of a transposition: lanes of b with bit H set stay, lanes of a without it stay, the others change places.
template <int H> static INLINE void exchange(vf &a, vf &b) {
#if defined(__GNUC__) && !defined(__clang__)
    vi low, high;
    for (int l = 0; l < VL; l++) {
        low[l] = l & H ? VL + (l ^ H) : l;
        high[l] = l & H ? VL + l : l ^ H;
    }
    vf first = __builtin_shuffle(a, b, low), second = __builtin_shuffle(a, b, high);
#else
    vf first, second;
    for (int l = 0; l < VL; l++) {
        first[l] = l & H ? b[l ^ H] : a[l];
        second[l] = l & H ? b[l] : a[l ^ H];
    }
#endif
    a = first;
    b = second;
}
template <int H> struct Transpose {
    static INLINE void run(vf *v) {
        Each<VL>::run([v](int i) UNROLLED {
            if (!(i & H)) exchange<H>(v[i], v[i | H]);
        });
        Transpose<H / 2>::run(v);
    }
};
template <> struct Transpose<0> {
    static INLINE void run(vf *) {}
};
// VL vectors of VL lanes: lane l of vector i goes to lane i of vector l.
static INLINE void transpose(vf *v) { Transpose<VL / 2>::run(v); }
