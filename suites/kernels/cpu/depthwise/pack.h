// The constants of a layer in the order its kernel reads them.
#pragma once
#include "layer.h"

// What the order depends on: BY_ROWS is that of layers that go by rows.
struct Packing {
    int64_t channels, taps, member, by_rows;

    int64_t groups() const { return (channels + VL - 1) / VL; }
    int64_t parts() const {
        static const int64_t PARTS[] = {Product::PARTS, Sum::PARTS, Minimum::PARTS, Match::PARTS};  // by member
        return PARTS[member];
    }
    int64_t constants() const { return parts() * taps * (by_rows ? channels : groups() * VL); }
    int64_t floats() const { return groups() * (VL + 1) + constants(); }
};

static inline Packing packing_of(const Layer &g) {
    return Packing{g.channels, g.kernel * g.kernel, g.member, goes_by_rows(g)};
}

static inline Packed packed_at(const Packing &p, const float *at) {
    Packed packed;
    packed.bias = at;
    packed.constants = at + p.groups() * VL;
    packed.tainted = packed.constants + p.constants();
    return packed;
}

template <class M> static void pack_constants(const Packing &p, const float *w, float scale, float *constants, float *tainted) {
    for (int64_t group = 0; group < p.groups(); group++) {
        const int64_t first = group * VL, channels = p.channels - first < VL ? p.channels - first : (int64_t)VL;
        vf finite = zero();
        for (int64_t tap = 0; tap < p.taps; tap++) {
            vf c[M::PARTS];
            M::constants(load_spaced(w + first * p.taps + tap, p.taps, channels), splat(scale), c);
            for (int64_t part = 0; part < M::PARTS; part++) {
                finite += finite_is_zero(c[part]);
                if (!p.by_rows) store(constants + ((group * p.taps + tap) * M::PARTS + part) * VL, c[part]);
                else for (int64_t l = 0; l < channels; l++)
                    constants[((first + l) * p.taps + tap) * M::PARTS + part] = c[part][l];
            }
        }
        tainted[group] = any_nan(finite);
    }
}

static inline void pack(const Packing &p, const float *w, const float *bias, float scale, float *to) {
    float *constants = to + p.groups() * VL, *tainted = constants + p.constants();
    for (int64_t c = 0; c < p.groups() * VL; c++) to[c] = bias && c < p.channels ? bias[c] : 0;
    switch (p.member) {
        case PRODUCT: return pack_constants<Product>(p, w, scale, constants, tainted);
        case SUM: return pack_constants<Sum>(p, w, scale, constants, tainted);
        case MINIMUM: return pack_constants<Minimum>(p, w, scale, constants, tainted);
        default: return pack_constants<Match>(p, w, scale, constants, tainted);
    }
}
