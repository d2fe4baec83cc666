// Loads and stores of lanes anywhere in a vector, for the ends of rows.
#pragma once
#include "lanes.h"

// The lanes from `first` to before `end`, either of which may lie outside the vector.
static INLINE Lanes lanes_between(int64_t first, int64_t end) {
    return end <= 0 ? (Lanes)0 : first <= 0 ? first_lanes(end) : (Lanes)(first_lanes(end) & ~first_lanes(first));
}
#if !MASKED_LANES
static INLINE vf load_lanes(const float *p, Lanes lanes) {
    vf v = {};
    for (int l = 0; l < VL; l++)
        if (lanes >> l & 1) v[l] = p[l];
    return v;
}
static INLINE void store_lanes(float *p, vf v, Lanes lanes) {
    for (int l = 0; l < VL; l++)
        if (lanes >> l & 1) p[l] = v[l];
}
#endif
