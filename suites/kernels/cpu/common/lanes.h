// Parts of vectors: loads and stores of the first lanes, lanes chosen by a mask, and transposed tiles.
// Intrinsics only where AVX-512 has a mask for it; everything else goes through memory.
#pragma once
#include <string.h>
#include "vec.h"

// GCC's own names for them where it has them: the header takes a third of a second to read.
#if defined(__AVX512F__) && !defined(__clang__) && defined(__GNUC__)
#if !defined(__has_builtin)  // before GCC 10
#define MASKED_BY_NAME 1
#elif __has_builtin(__builtin_ia32_loadups512_mask) && __has_builtin(__builtin_ia32_storeups512_mask) && \
    __has_builtin(__builtin_ia32_vpermt2varps512_mask) && __has_builtin(__builtin_ia32_compresssf512_mask)
#define MASKED_BY_NAME 1
#endif
#endif

#if defined(__AVX512F__)
#define MASKED_LANES 1
typedef uint16_t Lanes;  // a bit for each lane
static INLINE Lanes first_lanes(int64_t count) {
    return count >= VL ? (Lanes)0xffff : count > 0 ? (Lanes)((1u << count) - 1) : 0;
}
// load_lanes gives zero in the lanes that are not wanted; memory is touched in wanted lanes only. Lane l of move_lanes is
// lane from[l] of v, or zero where from[l] is VL. squeeze_lanes moves the wanted lanes to the front, zeros after them.
#if defined(MASKED_BY_NAME)
static INLINE vf load_lanes(const float *p, Lanes lanes) { return __builtin_ia32_loadups512_mask(p, (vf){}, lanes); }
static INLINE void store_lanes(float *p, vf v, Lanes lanes) { __builtin_ia32_storeups512_mask(p, v, lanes); }
static INLINE vf move_lanes(vf v, vi from) { return __builtin_ia32_vpermt2varps512_mask(from, v, (vf){}, (Lanes)0xffff); }
static INLINE vf squeeze_lanes(vf v, Lanes lanes) { return __builtin_ia32_compresssf512_mask(v, (vf){}, lanes); }
#else
#include <immintrin.h>
static INLINE vf load_lanes(const float *p, Lanes lanes) { return (vf)_mm512_maskz_loadu_ps(lanes, p); }
static INLINE void store_lanes(float *p, vf v, Lanes lanes) { _mm512_mask_storeu_ps(p, lanes, (__m512)v); }
static INLINE vf move_lanes(vf v, vi from) {
    return (vf)_mm512_permutex2var_ps((__m512)v, (__m512i)from, _mm512_setzero_ps());
}
static INLINE vf squeeze_lanes(vf v, Lanes lanes) { return (vf)_mm512_maskz_compress_ps(lanes, (__m512)v); }
#endif
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

// Lane l of the result is number F::of(l) of the lanes of a and, after them, those of b.
template <class F> static INLINE vf chosen(vf a, vf b) {
#if defined(__GNUC__) && !defined(__clang__)
    return __builtin_shuffle(a, b, lanes_by<F>());
#else
    vf v;
    for (int l = 0; l < VL; l++) v[l] = F::of(l) < VL ? a[F::of(l) % VL] : b[F::of(l) % VL];
    return v;
#endif
}

#define CHOICE(NAME, LANE) \
    struct NAME { static constexpr int of(int l) { return LANE; } }
CHOICE(Zip, l / 4 * 4 + l % 4 / 2 + l % 2 * VL);
CHOICE(ZipHigh, l / 4 * 4 + 2 + l % 4 / 2 + l % 2 * VL);
CHOICE(LowPairs, l / 4 * 4 + l % 2 + l % 4 / 2 * VL);
CHOICE(HighPairs, l / 4 * 4 + 2 + l % 2 + l % 4 / 2 * VL);
#if VL == 16
CHOICE(EvenQuads, l / 4 % 2 * 8 + l % 4 + l / 8 * VL);
CHOICE(OddQuads, l / 4 % 2 * 8 + 4 + l % 4 + l / 8 * VL);
#elif VL == 8
CHOICE(LowHalves, l < 4 ? l : l - 4 + VL);
CHOICE(HighHalves, l < 4 ? l + 4 : l + VL);
#endif
#undef CHOICE

// Four vectors of VL lanes: lane l of vector i goes to lane l / 4 * 4 + i of vector l % 4, so that the four values of
// each l lie side by side. In steps that are one cheap instruction each on x86.
static INLINE void transpose_quads(vf *v) {
    const vf a = chosen<Zip>(v[0], v[1]), b = chosen<ZipHigh>(v[0], v[1]);
    const vf c = chosen<Zip>(v[2], v[3]), d = chosen<ZipHigh>(v[2], v[3]);
    v[0] = chosen<LowPairs>(a, c);
    v[1] = chosen<HighPairs>(a, c);
    v[2] = chosen<LowPairs>(b, d);
    v[3] = chosen<HighPairs>(b, d);
}

// VL vectors of VL lanes: lane l of vector i goes to lane i of vector l.
static INLINE void transpose(vf *v) {
    Each<VL / 4>::run([v](int i) UNROLLED { transpose_quads(v + 4 * i); });
#if VL == 16
    Each<4>::run([v](int j) UNROLLED {
        const vf a = chosen<EvenQuads>(v[j], v[4 + j]), b = chosen<OddQuads>(v[j], v[4 + j]);
        const vf c = chosen<EvenQuads>(v[8 + j], v[12 + j]), d = chosen<OddQuads>(v[8 + j], v[12 + j]);
        v[j] = chosen<EvenQuads>(a, c);
        v[4 + j] = chosen<EvenQuads>(b, d);
        v[8 + j] = chosen<OddQuads>(a, c);
        v[12 + j] = chosen<OddQuads>(b, d);
    });
#elif VL == 8
    Each<4>::run([v](int j) UNROLLED {
        const vf a = v[j], b = v[4 + j];
        v[j] = chosen<LowHalves>(a, b);
        v[4 + j] = chosen<HighHalves>(a, b);
    });
#endif
}
