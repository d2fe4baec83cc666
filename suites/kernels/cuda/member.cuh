// What takes the place of the product of input and weight in a layer's sums. MEMBER names it:
//
//   0 the product   1 sum: x sgn(w) + sgn(x) w   2 min: sgn(x w) min(|x|, |w|)   3 match-min: min where it is positive
//
// All comparisons let NaN through: the minimum of NaN and a number is the number on a GPU.

// What a weight comes down to: its own value or size, or the two ends that x is clamped to; and its sign.
struct MemberWeight {
    float value, other, sign;
};

struct MemberInput {
    float value, sign;
};

GPU_INLINE float member_sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f; }

GPU_INLINE MemberWeight member_weight(float w) {
    MemberWeight weight;
    weight.value = w;
    weight.other = 0.0f;
    weight.sign = MEMBER == 1 ? member_sign(w) : w != w ? w : copysignf(1.0f, w);
    if (MEMBER == 2) weight.value = fabsf(w);
    if (MEMBER == 3) {
        weight.value = w < 0.0f ? w : 0.0f;
        weight.other = w > 0.0f ? w : 0.0f;
    }
    return weight;
}

GPU_INLINE MemberInput member_input(float x) {
    MemberInput input;
    input.value = x;
    input.sign = MEMBER == 1 ? member_sign(x) : 0.0f;
    return input;
}

GPU_INLINE float member_add(float sum, const MemberInput &input, const MemberWeight &weight) {
    float x = input.value;
    if (MEMBER == 0) return fmaf(x, weight.value, sum);
    if (MEMBER == 1) return fmaf(x, weight.sign, fmaf(input.sign, weight.value, sum));
    if (MEMBER == 2) {
        x = fabsf(x) > weight.value ? copysignf(weight.value, x) : x;
    } else {
        x = x > weight.other ? weight.other : x;
        x = x < weight.value ? weight.value : x;
    }
    return fmaf(x, weight.sign, sum);
}
