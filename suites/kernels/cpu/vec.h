// Vectors of floats by compiler extension (GCC 7 and newer, Clang): one width per build, no intrinsics.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__)
#define VL 16
#define LOG_VL 4
#elif defined(__AVX__)
#define VL 8
#define LOG_VL 3
#else
#define VL 4
#define LOG_VL 2
#endif

#if defined(__AVX512F__)
#define VECTOR_REGISTER "v"
#elif defined(__SSE__)
#define VECTOR_REGISTER "x"
#elif defined(__aarch64__)
#define VECTOR_REGISTER "w"
#endif

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define WITHIN_LIBRARY __attribute__((visibility("hidden")))  // of a function that another unit of the library calls

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));
typedef uint32_t vu __attribute__((vector_size(VL * 4)));
typedef float vf_any __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef uint16_t vh_any __attribute__((vector_size(VL * 2), aligned(2), may_alias));

static INLINE vf splat(float x) { return x - (vf){}; }
static INLINE vi splat_int(int32_t x) { return x - (vi){}; }
static INLINE vf load(const float *p) { return *(const vf_any *)p; }
static INLINE void store(float *p, vf v) { *(vf_any *)p = v; }

// 0 .. N-1 as a type.
template <int... I> struct Indices {};
template <int N, int... I> struct UpTo : UpTo<N - 1, N - 1, I...> {};
template <int... I> struct UpTo<0, I...> {
    typedef Indices<I...> Type;
};

// Lane l of a constant is F::of(l). Written out lane by lane it is one at once; a loop would have to be unrolled first.
template <class F, class Vector, int... I> static INLINE Vector lanes_listed(Indices<I...>) { return (Vector){F::of(I)...}; }
template <class F, class Vector = vi> static INLINE Vector lanes_by() { return lanes_listed<F, Vector>(UpTo<VL>::Type()); }
struct LaneNumber {
    static constexpr int of(int l) { return l; }
};

static INLINE vf absolute(vf v) { return (vf)((vi)v & splat_int(0x7fffffff)); }
// y with its sign turned where v is negative: for y that is not negative, y with the sign of v.
static INLINE vf with_sign(vf y, vf v) { return (vf)((vi)y ^ ((vi)v & splat_int((int32_t)0x80000000u))); }
// The order of the operands matters: a NaN in the second one comes through (x86 min/max semantics).
static INLINE vf min2(vf limit, vf v) {
#if defined(VECTOR_REGISTER)
    __asm__("" : "+" VECTOR_REGISTER(v));  // or GCC selects on the integers v was masked from: two operations
#endif
    return limit < v ? limit : v;
}
static INLINE vf max2(vf limit, vf v) { return limit > v ? limit : v; }

// v limited to [minus_limit, limit]. A NaN may come out as any number in there.
static INLINE vf clamp(vf v, vf limit, vf minus_limit) {
#if defined(__AVX512DQ__)
    (void)minus_limit;
    vf c;
    __asm__("vrangeps $2, %2, %1, %0" : "=v"(c) : "v"(v), "v"(limit));  // the smaller magnitude, with v's sign
    return c;
#else
    return max2(minus_limit, min2(limit, v));
#endif
}

// n/q to float precision: estimate and Newton steps, unless the build says that division is as fast.
static INLINE vf divide(vf n, vf q) {
#if defined(FAST_DIVISION)
    return n / q;
#elif defined(__AVX512F__)
    vf r;
    __asm__("vrcp14ps %1, %0" : "=v"(r) : "v"(q));
    vf y = n * r;
    return y + r * (n - q * y);
#elif defined(__AVX__) && defined(__FMA__)
    vf r;
    __asm__("vrcpps %1, %0" : "=x"(r) : "x"(q));
    vf y = n * r;
    return y + r * (n - q * y);
#elif defined(__aarch64__)
    vf r, e;
    __asm__("frecpe %0.4s, %1.4s" : "=w"(r) : "w"(q));
    __asm__("frecps %0.4s, %1.4s, %2.4s" : "=w"(e) : "w"(q), "w"(r));
    r *= e;
    vf y = n * r;
    return y + r * (n - q * y);
#else
    return n / q;
#endif
}

// A store past the caches, for outputs that would only push useful lines out. p is VL*4-byte aligned.
static INLINE void store_past_cache(float *p, vf v) {
#if defined(__AVX512F__)
    __asm__ volatile("vmovntps %1, %0" : "=m"(*(vf *)p) : "v"(v));
#elif defined(__AVX__)
    __asm__ volatile("vmovntps %1, %0" : "=m"(*(vf *)p) : "x"(v));
#elif defined(__SSE__)
    __asm__ volatile("movntps %1, %0" : "=m"(*(vf *)p) : "x"(v));
#else
    store(p, v);
#endif
}
static INLINE void fence_stores() {
#if defined(__x86_64__)
    __asm__ volatile("sfence" ::: "memory");
#endif
}

// Lane l of the result is lane l ^ H of v.
#if defined(__clang__)
#define SWAP4(v, a, b, c, d) __builtin_shufflevector(v, v, a, b, c, d)
#define SWAP8(v, a, b, c, d, e, f, g, h) __builtin_shufflevector(v, v, a, b, c, d, e, f, g, h)
#define SWAP16(v, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    __builtin_shufflevector(v, v, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
#else
#define SWAP4(v, a, b, c, d) __builtin_shuffle(v, (vi){a, b, c, d})
#define SWAP8(v, a, b, c, d, e, f, g, h) __builtin_shuffle(v, (vi){a, b, c, d, e, f, g, h})
#define SWAP16(v, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) \
    __builtin_shuffle(v, (vi){a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p})
#endif
template <int H> struct Swap;
#if VL == 16
template <> struct Swap<1> { static INLINE vf of(vf v) { return SWAP16(v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14); } };
template <> struct Swap<2> { static INLINE vf of(vf v) { return SWAP16(v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13); } };
template <> struct Swap<4> { static INLINE vf of(vf v) { return SWAP16(v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11); } };
template <> struct Swap<8> { static INLINE vf of(vf v) { return SWAP16(v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7); } };
#elif VL == 8
template <> struct Swap<1> { static INLINE vf of(vf v) { return SWAP8(v, 1, 0, 3, 2, 5, 4, 7, 6); } };
template <> struct Swap<2> { static INLINE vf of(vf v) { return SWAP8(v, 2, 3, 0, 1, 6, 7, 4, 5); } };
template <> struct Swap<4> { static INLINE vf of(vf v) { return SWAP8(v, 4, 5, 6, 7, 0, 1, 2, 3); } };
#else
template <> struct Swap<1> { static INLINE vf of(vf v) { return SWAP4(v, 1, 0, 3, 2); } };
template <> struct Swap<2> { static INLINE vf of(vf v) { return SWAP4(v, 2, 3, 0, 1); } };
#endif

// Lane l gets +1 where it keeps its sign in the butterfly with lane l ^ H, else -1.
// By a loop: where it is a constant from the start, GCC 12 orders what follows otherwise (Zen 4: planes 2 % slower).
template <int H> static INLINE vf signs() {
    vf s = splat(1.0f);
    for (int l = 0; l < VL; l++) s[l] = l & H ? -1.0f : 1.0f;
    return s;
}

// bfloat16 and float16 as bit patterns; arithmetic is always float32. Rounding is to nearest even.
struct bf16 { uint16_t bits; };
struct fp16 { uint16_t bits; };

static INLINE vu widen(const uint16_t *p) {
    vu w;
    vh_any h = *(const vh_any *)p;
#if defined(__clang__) || __GNUC__ >= 9
    w = __builtin_convertvector(h, vu);
#else
    for (int i = 0; i < VL; i++) w[i] = h[i];
#endif
    return w;
}
static INLINE void narrow(uint16_t *p, vu w) {
#if defined(__clang__) || __GNUC__ >= 9
    typedef uint16_t vh __attribute__((vector_size(VL * 2)));
    *(vh_any *)p = __builtin_convertvector(w, vh);
#else
    for (int i = 0; i < VL; i++) p[i] = (uint16_t)w[i];
#endif
}
static INLINE vf load(const bf16 *p) { return (vf)(widen(&p->bits) << 16); }
#if defined(__AVX512BF16__)
// The processor's own conversion, to nearest even as well; what is too small for a normal number becomes 0.
static INLINE void store(bf16 *p, vf v) {
    typedef uint16_t vh __attribute__((vector_size(VL * 2)));
    vh h;
    __asm__("vcvtneps2bf16 %1, %0" : "=v"(h) : "v"(v));
    *(vh_any *)p = h;
}
#else
static INLINE void store(bf16 *p, vf v) {
    vu u = (vu)v;
    vu rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    vu quiet = (u >> 16) | 0x40;  // a NaN must not be rounded up into an infinity
    narrow(&p->bits, v == v ? rounded : quiet);
}
#endif
#if defined(__AVX512F__) || (defined(__AVX__) && defined(__F16C__))
// The processor's own conversion, to nearest even as well.
static INLINE vf load(const fp16 *p) {
    vf v;
    __asm__("vcvtph2ps %1, %0" : "=" VECTOR_REGISTER(v) : "m"(*(const vh_any *)p));
    return v;
}
static INLINE void store(fp16 *p, vf v) {
    __asm__("vcvtps2ph $0, %1, %0" : "=m"(*(vh_any *)p) : VECTOR_REGISTER(v));
}
#else
static INLINE vf load(const fp16 *p) {
    vu h = widen(&p->bits);
    vu magnitude = (h & 0x7fff) << 13;
    vf v = (vf)magnitude * splat(5.192296858534828e33f);  // 2^112 moves the exponent, subnormals included
    vu special = (vu)(splat_int(0x0f800000) <= (vi)magnitude) & 0x7f800000;  // infinity or NaN
    return (vf)((vu)v | special | ((h & 0x8000) << 16));
}
static INLINE void store(fp16 *p, vf v) {
    vu sign = ((vu)v >> 16) & 0x8000;
    vf a = absolute(v);
    // Normal numbers: rebias with round to nearest even. Below 2^-14: let a float addition do the rounding.
    vu u = (vu)a;
    vu normal = (u - 0x38000000u + 0xfff + ((u >> 13) & 1)) >> 13;
    vu tiny = (vu)(a + splat(0.5f)) - 0x3f000000u;
    vu h = a < splat(6.103515625e-5f) ? tiny : normal;
    h = a >= splat(65520.0f) ? (vu)splat_int(0x7c00) : h;
    h = v == v ? h : (vu)splat_int(0x7e00);
    narrow(&p->bits, h | sign);
}
#endif

// Two vectors side by side, of the two-byte types in one store past the caches: a line must not go there by halves.
static INLINE void store_pair_past_cache(float *p, vf a, vf b) {
    store_past_cache(p, a);
    store_past_cache(p + VL, b);
}
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__F16C__))
typedef uint16_t vh __attribute__((vector_size(VL * 2)));
static INLINE vf join(vh a, vh b) {
    vf both;
#if defined(__AVX512F__)
    __asm__("vinserti64x4 $1, %t2, %g1, %g0" : "=v"(both) : "v"(a), "v"(b));
#else
    __asm__("vinserti128 $1, %x2, %t1, %t0" : "=x"(both) : "x"(a), "x"(b));
#endif
    return both;
}
static INLINE vh packed(const fp16 *, vf v) {
    vh h;
    __asm__("vcvtps2ph $0, %1, %0" : "=" VECTOR_REGISTER(h) : VECTOR_REGISTER(v));
    return h;
}
static INLINE vh packed(const bf16 *, vf v) {
    uint16_t bits[VL];
    store((bf16 *)bits, v);
    return *(const vh_any *)bits;
}
template <class T> static INLINE void store_pair_past_cache(T *p, vf a, vf b) {
    store_past_cache((float *)(void *)p, join(packed(p, a), packed(p, b)));
}
#else
template <class T> static INLINE void store_pair_past_cache(T *p, vf a, vf b) {
    store(p, a);
    store(p + VL, b);
}
#endif

// Calls f(0) .. f(N-1), unrolled by the compiler whatever its version (no unroll pragma before GCC 8). All in one
// expression: a function that calls itself for one fewer takes up to half as long again to build.
template <int N> struct Each {
    template <class F> static INLINE void run(const F &f) { all(f, typename UpTo<N>::Type()); }
    template <class F, int... I> static INLINE void all(const F &f, Indices<I...>) {
        const int called[] = {(f(I), 0)...};
        (void)called;
    }
};
template <> struct Each<0> {
    template <class F> static INLINE void run(const F &) {}
};
#define UNROLLED __attribute__((always_inline))

// Walsh-Hadamard butterflies across R registers, natural order.
template <int R> struct Butterfly {
    static INLINE void run(vf *v) {
        Butterfly<R / 2>::run(v);
        Butterfly<R / 2>::run(v + R / 2);
        Each<R / 2>::run([v](int i) UNROLLED {
            vf a = v[i], b = v[i + R / 2];
            v[i] = a + b;
            v[i + R / 2] = a - b;
        });
    }
};
template <> struct Butterfly<1> {
    static INLINE void run(vf *) {}
};

// The same bits with every difference as a multiplication by one and a subtraction: AMD's cores add on two pipes and
// multiply-add on two others, and a pass of butterflies alone leaves the others idle. Elsewhere the two are alike.
#if defined(__FMA__) && defined(VECTOR_REGISTER) && !defined(NO_SPLIT)
static INLINE vf hidden_one() {
    vf one = splat(1.0f);
    __asm__("" : "+" VECTOR_REGISTER(one));  // or the compiler leaves the multiplication out
    return one;
}
template <int R> struct Spread {
    static INLINE void run(vf *v, vf one) {
        Spread<R / 2>::run(v, one);
        Spread<R / 2>::run(v + R / 2, one);
        Each<R / 2>::run([v, one](int i) UNROLLED {
            vf a = v[i], b = v[i + R / 2];
            v[i] = a + b;
            v[i + R / 2] = a * one - b;
        });
    }
};
template <> struct Spread<1> {
    static INLINE void run(vf *, vf) {}
};
#else
static INLINE vf hidden_one() { return splat(1.0f); }
template <int R> struct Spread {
    static INLINE void run(vf *v, vf) { Butterfly<R>::run(v); }
};
#endif
