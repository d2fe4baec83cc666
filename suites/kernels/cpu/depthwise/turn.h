// Transposes VL vectors of VL lanes in registers.
#pragma once
#include "../vec.h"

// Lanes with bit H unset come from a, the others from b turned by H; and the reverse.
#define TURN_LOW(H, l) (((l) & (H)) ? VL + ((l) ^ (H)) : (l))
#define TURN_HIGH(H, l) (((l) & (H)) ? VL + (l) : ((l) ^ (H)))
#if VL == 16
#define TURN_LIST(F, H) F(H, 0), F(H, 1), F(H, 2), F(H, 3), F(H, 4), F(H, 5), F(H, 6), F(H, 7), F(H, 8), F(H, 9), \
    F(H, 10), F(H, 11), F(H, 12), F(H, 13), F(H, 14), F(H, 15)
#elif VL == 8
#define TURN_LIST(F, H) F(H, 0), F(H, 1), F(H, 2), F(H, 3), F(H, 4), F(H, 5), F(H, 6), F(H, 7)
#else
#define TURN_LIST(F, H) F(H, 0), F(H, 1), F(H, 2), F(H, 3)
#endif
#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif

template <int H> static INLINE void turn_stage(vf *v) {
    Each<VL / 2>::run([v](int i) UNROLLED {
        const int at = i / H * 2 * H + i % H;
        const vf a = v[at], b = v[at + H];
        v[at] = PICK(a, b, TURN_LIST(TURN_LOW, H));
        v[at + H] = PICK(a, b, TURN_LIST(TURN_HIGH, H));
    });
}

static INLINE void turn(vf *v) {
    turn_stage<1>(v);
    turn_stage<2>(v);
#if VL > 4
    turn_stage<4>(v);
#endif
#if VL > 8
    turn_stage<8>(v);
#endif
}
