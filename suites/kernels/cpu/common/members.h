// What takes the place of the product in a depthwise layer: each member's constants for a weight, and one tap.
#pragma once
#include "vec.h"

enum Member { PRODUCT = 0, SUM = 1, MINIMUM = 2, MATCH = 3 };

static INLINE vf where(vi mask, vf v) { return (vf)(mask & (vi)v); }
static INLINE vf zero() { return (vf){}; }

// The sign of each lane: 0 for a zero and, as torch has it, for a NaN.
static INLINE vf sign_of(vf v) {
#if defined(__AVX512F__)
    vf s = v;
    const vi table = splat_int((int32_t)0xA9A9A888u);  // a response to each class of number: +1, -1 or 0
    __asm__("vfixupimmps $0, %2, %1, %0" : "+v"(s) : "v"(v), "v"(table));
    return s;
#else
    return where((vi)(v > zero()), splat(1)) - where((vi)(v < zero()), splat(1));
#endif
}
// The same for a weight of the two `min` members, whose NaN has to come through.
static INLINE vf sign_or_nan(vf w) { return w == w ? sign_of(w) : w; }

// PARTS constants for a weight and the layer's scale, SHARED values found once for each input; tap() adds one term to `sum`.
// A `fast` tap may lose a NaN of x; where FAST says so, whoever calls looks for them and uses tap() then.
struct Product {
    enum { PARTS = 1, SHARED = 1, FAST = 0 };
    static INLINE void constants(vf w, vf scale, vf *c) { c[0] = w * scale; }
    static INLINE void share(vf x, vf *s) { s[0] = x; }
    static INLINE vf tap(vf sum, const vf *s, const vf *c) { return sum + s[0] * c[0]; }
};
struct Sum {
    enum { PARTS = 2, SHARED = 2, FAST = 0 };
    static INLINE void constants(vf w, vf scale, vf *c) {
        c[0] = sign_of(w) * scale;
        c[1] = w * scale;
    }
    static INLINE void share(vf x, vf *s) {
        s[0] = x;
        s[1] = sign_of(x);
    }
    static INLINE vf tap(vf sum, const vf *s, const vf *c) { return sum + s[0] * c[0] + s[1] * c[1]; }
};
// x limited to [-|w|, |w|] times sgn(w).
struct Minimum {
    enum { PARTS = 2, SHARED = 1, FAST = 0 };
    static INLINE void constants(vf w, vf scale, vf *c) {
        c[0] = absolute(w);
        c[1] = sign_or_nan(w) * scale;
    }
    static INLINE void share(vf x, vf *s) { s[0] = x; }
    static INLINE vf tap(vf sum, const vf *s, const vf *c) {
        return sum + max2(-c[0], min2(c[0], s[0])) * c[1];
    }
};
#if defined(__AVX512DQ__)
#define HAS_FAST_MINIMUM 1
struct FastMinimum : Minimum {
    enum { FAST = 1 };
    static INLINE vf tap(vf sum, const vf *s, const vf *c) { return sum + clamp(s[0], c[0], c[0]) * c[1]; }
};
#else
#define HAS_FAST_MINIMUM 0
typedef Minimum FastMinimum;
#endif
// x limited to the numbers between 0 and w, times sgn(w).
struct Match {
    enum { PARTS = 3, SHARED = 1, FAST = 0 };
    static INLINE void constants(vf w, vf scale, vf *c) {
        c[0] = where((vi)(w < zero()), w);
        c[1] = where((vi)(w > zero()), w);
        c[2] = sign_or_nan(w) * scale;
    }
    static INLINE void share(vf x, vf *s) { s[0] = x; }
    static INLINE vf tap(vf sum, const vf *s, const vf *c) {
        return sum + max2(c[0], min2(c[1], s[0])) * c[2];
    }
};

// Not a number: 0 for every finite x, so that a sum of these tells whether there was an infinity or a NaN.
static INLINE vf finite_is_zero(vf x) { return x * splat(0); }
static INLINE bool any_nan(vf v) {
    vi different = (vi)(v != v);
    int32_t found = 0;
    for (int l = 0; l < VL; l++) found |= different[l];
    return found != 0;
}
