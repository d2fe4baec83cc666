// Vectors of 16-bit words: what no vector extension says, saturating sums, products and table look-ups, in the one
// place that knows the instruction sets. All give the same bits everywhere.
#pragma once
#include <string.h>
#include "vec.h"

#if defined(__AVX512BW__) && defined(__AVX512VL__)
#define WORD_BYTES 64
#elif defined(__AVX2__)
#define WORD_BYTES 32
#else
#define WORD_BYTES 16
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { LANES = WORD_BYTES / 2, PIECES = 32 };
typedef int16_t vw __attribute__((vector_size(WORD_BYTES)));
typedef uint16_t vwu __attribute__((vector_size(WORD_BYTES)));
typedef int16_t vw_any __attribute__((vector_size(WORD_BYTES), aligned(2), may_alias));

static INLINE vw load_words(const int16_t *p) { return *(const vw_any *)p; }
static INLINE void store_words(int16_t *p, vw v) { *(vw_any *)p = v; }
static INLINE vw splat_word(int x) { return (int16_t)x - (vw){}; }

#if WORD_BYTES == 64
typedef __m512i Register;
static INLINE vw add(vw a, vw b) { return (vw)_mm512_adds_epi16((Register)a, (Register)b); }
static INLINE vw subtract(vw a, vw b) { return (vw)_mm512_subs_epi16((Register)a, (Register)b); }
static INLINE vw product(vw a, vw b) { return (vw)_mm512_mulhrs_epi16((Register)a, (Register)b); }
static INLINE vw high_product(vw a, vw b) { return (vw)_mm512_mulhi_epu16((Register)a, (Register)b); }
static INLINE vw above(vw a, vw b) { return (vw)_mm512_subs_epu16((Register)a, (Register)b); }
static INLINE vw least(vw a, vw b) { return (vw)_mm512_min_epi16((Register)a, (Register)b); }
static INLINE vw most(vw a, vw b) { return (vw)_mm512_max_epi16((Register)a, (Register)b); }
static INLINE vw right(vw v, int n) { return (vw)_mm512_srl_epi16((Register)v, _mm_cvtsi32_si128(n)); }
static INLINE vw left(vw v, int n) { return (vw)_mm512_sll_epi16((Register)v, _mm_cvtsi32_si128(n)); }
// y where v is not negative, else -y.
static INLINE vw signed_as(vw y, vw v) {
    return (vw)_mm512_mask_sub_epi16((Register)y, _mm512_movepi16_mask((Register)v), _mm512_setzero_si512(), (Register)y);
}
#elif WORD_BYTES == 32
typedef __m256i Register;
static INLINE vw add(vw a, vw b) { return (vw)_mm256_adds_epi16((Register)a, (Register)b); }
static INLINE vw subtract(vw a, vw b) { return (vw)_mm256_subs_epi16((Register)a, (Register)b); }
static INLINE vw product(vw a, vw b) { return (vw)_mm256_mulhrs_epi16((Register)a, (Register)b); }
static INLINE vw high_product(vw a, vw b) { return (vw)_mm256_mulhi_epu16((Register)a, (Register)b); }
static INLINE vw above(vw a, vw b) { return (vw)_mm256_subs_epu16((Register)a, (Register)b); }
static INLINE vw least(vw a, vw b) { return (vw)_mm256_min_epi16((Register)a, (Register)b); }
static INLINE vw most(vw a, vw b) { return (vw)_mm256_max_epi16((Register)a, (Register)b); }
static INLINE vw right(vw v, int n) { return (vw)_mm256_srl_epi16((Register)v, _mm_cvtsi32_si128(n)); }
static INLINE vw left(vw v, int n) { return (vw)_mm256_sll_epi16((Register)v, _mm_cvtsi32_si128(n)); }
#elif defined(__x86_64__)
typedef __m128i Register;
static INLINE vw add(vw a, vw b) { return (vw)_mm_adds_epi16((Register)a, (Register)b); }
static INLINE vw subtract(vw a, vw b) { return (vw)_mm_subs_epi16((Register)a, (Register)b); }
static INLINE vw product(vw a, vw b) {
#if defined(__SSSE3__)
    return (vw)_mm_mulhrs_epi16((Register)a, (Register)b);
#else
    const vwu low = (vwu)a * (vwu)b, high = (vwu)_mm_mulhi_epi16((Register)a, (Register)b);
    return (vw)((high << 1) + (low >> 15) + ((low >> 14) & (vwu)splat_word(1)));
#endif
}
static INLINE vw high_product(vw a, vw b) { return (vw)_mm_mulhi_epu16((Register)a, (Register)b); }
static INLINE vw above(vw a, vw b) { return (vw)_mm_subs_epu16((Register)a, (Register)b); }
static INLINE vw least(vw a, vw b) { return (vw)_mm_min_epi16((Register)a, (Register)b); }
static INLINE vw most(vw a, vw b) { return (vw)_mm_max_epi16((Register)a, (Register)b); }
static INLINE vw right(vw v, int n) { return (vw)_mm_srl_epi16((Register)v, _mm_cvtsi32_si128(n)); }
static INLINE vw left(vw v, int n) { return (vw)_mm_sll_epi16((Register)v, _mm_cvtsi32_si128(n)); }
#elif defined(__aarch64__)
static INLINE vw add(vw a, vw b) { return (vw)vqaddq_s16((int16x8_t)a, (int16x8_t)b); }
static INLINE vw subtract(vw a, vw b) { return (vw)vqsubq_s16((int16x8_t)a, (int16x8_t)b); }
static INLINE vw product(vw a, vw b) { return (vw)vqrdmulhq_s16((int16x8_t)a, (int16x8_t)b); }
static INLINE vw high_product(vw a, vw b) {
    const uint32x4_t low = vmull_u16(vget_low_u16((uint16x8_t)a), vget_low_u16((uint16x8_t)b));
    const uint32x4_t high = vmull_high_u16((uint16x8_t)a, (uint16x8_t)b);
    return (vw)vuzp2q_u16((uint16x8_t)low, (uint16x8_t)high);
}
static INLINE vw above(vw a, vw b) { return (vw)vqsubq_u16((uint16x8_t)a, (uint16x8_t)b); }
static INLINE vw least(vw a, vw b) { return (vw)vminq_s16((int16x8_t)a, (int16x8_t)b); }
static INLINE vw most(vw a, vw b) { return (vw)vmaxq_s16((int16x8_t)a, (int16x8_t)b); }
static INLINE vw right(vw v, int n) { return (vw)vshlq_u16((uint16x8_t)v, vdupq_n_s16((int16_t)-n)); }
static INLINE vw left(vw v, int n) { return (vw)vshlq_u16((uint16x8_t)v, vdupq_n_s16((int16_t)n)); }
#else
// Lane by lane, for whatever else there is.
static INLINE int16_t word_of(int32_t v) { return (int16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v); }
template <class F> static INLINE vw lanes_of(vw a, vw b, F f) {
    vw found = {};
    for (int l = 0; l < LANES; l++) found[l] = f(a[l], b[l]);
    return found;
}
static INLINE vw add(vw a, vw b) { return lanes_of(a, b, [](int32_t x, int32_t y) { return word_of(x + y); }); }
static INLINE vw subtract(vw a, vw b) { return lanes_of(a, b, [](int32_t x, int32_t y) { return word_of(x - y); }); }
static INLINE vw product(vw a, vw b) {
    return lanes_of(a, b, [](int32_t x, int32_t y) { return (int16_t)((x * y + 16384) >> 15); });
}
static INLINE vw high_product(vw a, vw b) {
    return lanes_of(a, b, [](int32_t x, int32_t y) { return (int16_t)(((uint32_t)(uint16_t)x * (uint16_t)y) >> 16); });
}
static INLINE vw above(vw a, vw b) {
    return lanes_of(a, b, [](int32_t x, int32_t y) { return (int16_t)((uint16_t)x > (uint16_t)y ? x - y : 0); });
}
static INLINE vw least(vw a, vw b) { return lanes_of(a, b, [](int32_t x, int32_t y) { return (int16_t)(x < y ? x : y); }); }
static INLINE vw most(vw a, vw b) { return lanes_of(a, b, [](int32_t x, int32_t y) { return (int16_t)(x > y ? x : y); }); }
static INLINE vw right(vw v, int n) { return lanes_of(v, v, [n](int32_t x, int32_t) { return (int16_t)((uint16_t)x >> n); }); }
static INLINE vw left(vw v, int n) { return lanes_of(v, v, [n](int32_t x, int32_t) { return (int16_t)((uint32_t)x << n); }); }
#endif
#if WORD_BYTES != 64
static INLINE vw signed_as(vw y, vw v) {
    const vw negative = v < (vw){};
    return (y ^ negative) - negative;
}
#endif

// A table of PIECES words in registers.
struct Words {
#if WORD_BYTES == 64
    Register all;
    INLINE explicit Words(const int16_t *p) : all((Register)load_words(p)) {}
    INLINE vw operator[](vw index) const { return (vw)_mm512_permutexvar_epi16((Register)index, all); }
#elif defined(__aarch64__)
    uint8x16x4_t all;
    INLINE explicit Words(const int16_t *p) {
        for (int i = 0; i < 4; i++) all.val[i] = vld1q_u8((const uint8_t *)p + 16 * i);
    }
    INLINE vw operator[](vw index) const {
        return (vw)vqtbl4q_u8(all, (uint8x16_t)(index * splat_word(0x0202) + splat_word(0x0100)));
    }
#elif WORD_BYTES == 32
    // Low and high bytes apart, of the first and of the second half.
    Register bytes[2][2];
    INLINE explicit Words(const int16_t *p) {
        for (int half = 0; half < 2; half++) {
            uint8_t low[16], high[16];
            for (int i = 0; i < 16; i++) low[i] = (uint8_t)p[half * 16 + i], high[i] = (uint8_t)((uint16_t)p[half * 16 + i] >> 8);
            bytes[half][0] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)low));
            bytes[half][1] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)high));
        }
    }
    INLINE vw operator[](vw index) const {
        // A byte of an index with its top bit set gives 0.
        const vw within = index & splat_word(15);
        const Register low = (Register)(within | splat_word(0x8000)), high = (Register)(left(within, 8) | splat_word(0x80));
        const Register second = (Register)(index > splat_word(15));
        return (vw)_mm256_or_si256(
            _mm256_blendv_epi8(_mm256_shuffle_epi8(bytes[0][0], low), _mm256_shuffle_epi8(bytes[1][0], low), second),
            _mm256_blendv_epi8(_mm256_shuffle_epi8(bytes[0][1], high), _mm256_shuffle_epi8(bytes[1][1], high), second));
    }
#else
    const int16_t *all;
    INLINE explicit Words(const int16_t *p) : all(p) {}
    INLINE vw operator[](vw index) const {
        vw found;
        for (int l = 0; l < LANES; l++) found[l] = all[index[l]];
        return found;
    }
#endif
};

// LANES bytes, signed ones after `flip`, as words; and words as bytes, saturating.
static INLINE vw widen_bytes(const uint8_t *p, uint8_t flip) {
#if WORD_BYTES == 64
    return (vw)_mm512_cvtepi8_epi16(_mm256_xor_si256(_mm256_loadu_si256((const __m256i *)p), _mm256_set1_epi8((char)flip)));
#elif WORD_BYTES == 32
    return (vw)_mm256_cvtepi8_epi16(_mm_xor_si128(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8((char)flip)));
#elif defined(__x86_64__)
    const __m128i bytes = _mm_xor_si128(_mm_loadl_epi64((const __m128i *)p), _mm_set1_epi8((char)flip));
    return (vw)_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
#elif !defined(__aarch64__)
    vw found = {};
    for (int l = 0; l < LANES; l++) found[l] = (int8_t)(p[l] ^ flip);
    return found;
#else
    return (vw)vmovl_s8((int8x8_t)veor_u8(vld1_u8(p), vdup_n_u8(flip)));
#endif
}
static INLINE void narrow_words(uint8_t *p, vw v, uint8_t flip) {
#if WORD_BYTES == 64
    _mm256_storeu_si256((__m256i *)p, _mm256_xor_si256(_mm512_maskz_cvtsepi16_epi8(~(__mmask32)0, (Register)v), _mm256_set1_epi8((char)flip)));
#elif WORD_BYTES == 32
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128((Register)v), _mm256_extracti128_si256((Register)v, 1));
    _mm_storeu_si128((__m128i *)p, _mm_xor_si128(bytes, _mm_set1_epi8((char)flip)));
#elif defined(__x86_64__)
    _mm_storel_epi64((__m128i *)p, _mm_xor_si128(_mm_packs_epi16((Register)v, (Register)v), _mm_set1_epi8((char)flip)));
#elif !defined(__aarch64__)
    for (int l = 0; l < LANES; l++) p[l] = (uint8_t)((v[l] < -128 ? -128 : v[l] > 127 ? 127 : v[l]) ^ flip);
#else
    vst1_u8(p, veor_u8((uint8x8_t)vqmovn_s16((int16x8_t)v), vdup_n_u8(flip)));
#endif
}
// The same for the first `count` bytes alone, no other is touched.
static INLINE vw widen_first(const uint8_t *p, int64_t count, uint8_t flip) {
    if (count >= LANES) return widen_bytes(p, flip);
#if WORD_BYTES == 64
    const __m256i bytes = _mm256_maskz_loadu_epi8((__mmask32)((1u << count) - 1), p);
    return (vw)_mm512_cvtepi8_epi16(_mm256_xor_si256(bytes, _mm256_set1_epi8((char)flip)));
#else
    uint8_t bytes[LANES] = {};
    memcpy(bytes, p, count);
    return widen_bytes(bytes, flip);
#endif
}
static INLINE void narrow_first(uint8_t *p, vw v, int64_t count, uint8_t flip) {
    if (count >= LANES) return narrow_words(p, v, flip);
#if WORD_BYTES == 64
    const __m256i bytes = _mm256_xor_si256(_mm512_maskz_cvtsepi16_epi8(~(__mmask32)0, (Register)v), _mm256_set1_epi8((char)flip));
    _mm256_mask_storeu_epi8(p, (__mmask32)((1u << count) - 1), bytes);
#else
    uint8_t bytes[LANES];
    narrow_words(bytes, v, flip);
    memcpy(p, bytes, count);
#endif
}
