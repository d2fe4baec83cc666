// Any kernel, stride, type and memory order: a vector is VL channels of one pixel, in a padded copy of a band of rows.
#pragma once
#include "layer.h"

enum { TILE_PIXELS = 4 };

// The padded copy of a band, [row][column + 2 * padding][SHARED][VL], and its outputs, [row][column][VL].
struct Band {
    float *in, *out;
    int64_t row_pixels;    // pixels of a padded row
    int64_t rows_out;      // output rows of a full band
};

// R outputs along a row.
template <class M, int KERNEL, int R>
static INLINE void channels_tile(const float *in, float *out, int64_t row_pixels, int64_t kernel_given, int64_t stride,
                                 const float *constants, vf bias) {
    const int64_t kernel = KERNEL ? KERNEL : kernel_given;
    vf sum[R];
    Each<R>::run([&](int r) UNROLLED { sum[r] = bias; });
    for (int64_t row = 0; row < kernel; row++)
        for (int64_t column = 0; column < kernel; column++) {
            const float *from = in + (row * row_pixels + column) * M::SHARED * VL;
            vf c[M::PARTS];
            Each<M::PARTS>::run([&](int k) UNROLLED { c[k] = load(constants + k * VL); });
            constants += M::PARTS * VL;
            Each<R>::run([&](int r) UNROLLED {
                vf s[M::SHARED];
                Each<M::SHARED>::run([&](int k) UNROLLED { s[k] = load(from + (r * stride * M::SHARED + k) * VL); });
                sum[r] = M::tap(sum[r], s, c);
            });
        }
    Each<R>::run([&](int r) UNROLLED { store(out + r * VL, sum[r]); });
}

template <class M, int KERNEL, int STRIDE>
static NOINLINE void channels_row(const float *in, float *out, int64_t columns, int64_t row_pixels, int64_t kernel,
                                  int64_t stride_given, const float *constants, vf bias) {
    const int64_t stride = STRIDE ? STRIDE : stride_given, step = stride * M::SHARED * VL;
    int64_t j = 0;
    for (; j + TILE_PIXELS <= columns; j += TILE_PIXELS)
        channels_tile<M, KERNEL, TILE_PIXELS>(in + j * step, out + j * VL, row_pixels, kernel, stride, constants, bias);
    in += j * step;
    out += j * VL;
    for (; j < columns; j++, in += step, out += VL)
        channels_tile<M, 0, 1>(in, out, row_pixels, kernel, stride, constants, bias);
}

// Up to VL pixels of `channels` planes, `plane` apart, as vectors of channels.
template <class T>
static INLINE void pixels_of_planes(const T *p, int64_t plane, int64_t channels, int64_t count, vf *v) {
    if (channels == VL && count == VL) {
        Each<VL>::run([&](int k) UNROLLED { v[k] = load(p + k * plane); });
    } else {
        for (int k = 0; k < VL; k++) v[k] = k < channels ? load_first(p + k * plane, count) : zero();
    }
    transpose(v);
}
template <class T>
static INLINE void planes_of_pixels(T *p, int64_t plane, int64_t channels, int64_t count, vf *v) {
    transpose(v);
    if (channels == VL && count == VL) {
        Each<VL>::run([&](int k) UNROLLED { store(p + k * plane, v[k]); });
    } else {
        for (int k = 0; k < channels; k++) store_first(p + k * plane, v[k], count);
    }
}

// Rows `first` to `end` of the input into the padded copy, whose rows begin at `first` less the padding. SIGNS: with
// the sign of each value beside it. Returns zeros if all values are finite.
template <bool SIGNS, class T>
static NOINLINE vf fill_band(const Call &call, const Band &band, const T *x, int64_t channels, int64_t first,
                             int64_t end) {
    const int64_t height = call.g.height, width = call.g.width, padding = call.g.kernel / 2;
    const int64_t shared = SIGNS ? 2 : 1, pixel = shared * VL, row = band.row_pixels * pixel;
    vf finite = zero();
    // Rows above and below the plane, and the columns beside it, are zeros.
    for (int64_t i = first; i < end; i++) {
        float *to = band.in + (i - first) * row;
        const bool outside = i < 0 || i >= height;
        for (int64_t j = 0; j < (outside ? band.row_pixels : padding) * shared; j++) store(to + j * VL, zero());
        to += (padding + width) * pixel;
        for (int64_t j = 0; j < (outside ? 0 : padding) * shared; j++) store(to + j * VL, zero());
    }
    const int64_t top = first < 0 ? 0 : first, bottom = end < height ? end : height;
    const int64_t total = (bottom - top) * width;
    float *row_at = band.in + (top - first) * row + padding * pixel;
    if (call.g.channels_last) {
        for (int64_t i = top; i < bottom; i++, row_at += row)
            for (int64_t j = 0; j < width; j++) {
                const T *p = x + (i * width + j) * call.g.channels;
                const vf v = channels == VL ? load(p) : load_first(p, channels);
                finite += finite_is_zero(v);
                store(row_at + j * pixel, v);
                if (SIGNS) store(row_at + j * pixel + VL, sign_of(v));
            }
        return finite;
    }
    int64_t column = 0;
    x += top * width;
    for (int64_t at = 0; at < total; at += VL) {
        const int64_t count = total - at < VL ? total - at : VL;
        vf v[VL];
        pixels_of_planes(x + at, height * width, channels, count, v);
        for (int64_t k = 0; k < count; k++) {
            finite += finite_is_zero(v[k]);
            store(row_at + column * pixel, v[k]);
            if (SIGNS) store(row_at + column * pixel + VL, sign_of(v[k]));
            if (++column == width) {
                column = 0;
                row_at += row;
            }
        }
    }
    return finite;
}

template <class T>
static NOINLINE void empty_band(const Call &call, const Band &band, T *y, int64_t channels, int64_t first, int64_t end) {
    const int64_t columns = call.columns_out, total = (end - first) * columns;
    if (call.g.channels_last) {
        T *to = y + first * columns * call.g.channels;
        for (int64_t k = 0; k < total; k++, to += call.g.channels) {
            if (channels == VL) store(to, load(band.out + k * VL));
            else store_first(to, load(band.out + k * VL), channels);
        }
        return;
    }
    y += first * columns;
    for (int64_t at = 0; at < total; at += VL) {
        const int64_t count = total - at < VL ? total - at : VL;
        vf v[VL];
        for (int k = 0; k < VL; k++) v[k] = k < count ? load(band.out + (at + k) * VL) : zero();
        planes_of_pixels(y + at, call.rows_out * columns, channels, count, v);
    }
}

// VL weights of a tap, [tap][VL].
static NOINLINE void gather_weights(const float *w, int64_t taps, int64_t channels, float *to) {
    for (int64_t at = 0; at < taps; at += VL) {
        const int64_t count = taps - at < VL ? taps - at : VL;
        vf v[VL];
        pixels_of_planes(w + at, taps, channels, count, v);
        for (int64_t k = 0; k < count; k++) store(to + (at + k) * VL, v[k]);
    }
}
// The constants of VL channels, [tap][PARTS][VL], from the weights in the last of that memory.
template <class M> static void pack_constants(const float *w, float scale, int64_t taps, int64_t channels, float *to) {
    float *from = to + (M::PARTS - 1) * taps * VL;  // never overtaken: a tap is read before its constants are written
    gather_weights(w, taps, channels, from);
    for (int64_t k = 0; k < taps; k++) {
        vf c[M::PARTS];
        M::constants(load(from + k * VL), splat(scale), c);
        Each<M::PARTS>::run([&](int part) UNROLLED { store(to + (k * M::PARTS + part) * VL, c[part]); });
    }
}

template <class M>
static void channels_rows(const Call &call, const Band &band, int64_t rows, const float *constants, vf bias) {
    const Layer &g = call.g;
    const int64_t row = band.row_pixels * M::SHARED * VL;
    for (int64_t i = 0; i < rows; i++) {
        const float *in = band.in + i * g.stride * row;
        float *out = band.out + i * call.columns_out * VL;
        if (g.kernel == 3 && g.stride == 1)
            channels_row<M, 3, 1>(in, out, call.columns_out, band.row_pixels, 3, 1, constants, bias);
        else if (g.kernel == 3)
            channels_row<M, 3, 0>(in, out, call.columns_out, band.row_pixels, 3, g.stride, constants, bias);
        else
            channels_row<M, 0, 0>(in, out, call.columns_out, band.row_pixels, g.kernel, g.stride, constants, bias);
    }
}

// One band of the VL channels of `group`. SLOW has the constants of M, and does what a FAST one cannot.
template <class M, class SLOW, class T>
static void channels_band(const Call &call, const Band &band, int64_t image, int64_t group, int64_t first,
                          const float *constants) {
    const Layer &g = call.g;
    const int64_t plane_in = g.height * g.width, plane_out = call.rows_out * call.columns_out, channel = group * VL;
    const int64_t channels = g.channels - channel < VL ? g.channels - channel : (int64_t)VL;
    const int64_t end = first + band.rows_out < call.rows_out ? first + band.rows_out : call.rows_out;
    const T *x = (const T *)call.x + image * g.channels * plane_in + channel * (g.channels_last ? 1 : plane_in);
    T *y = (T *)call.y + image * g.channels * plane_out + channel * (g.channels_last ? 1 : plane_out);
    const vf bias = call.bias ? load_first(call.bias + channel, channels) : zero();
    const int64_t top = first * g.stride - g.kernel / 2;
    const vf finite = fill_band<M::SHARED == 2>(call, band, x, channels, top, top + (end - 1 - first) * g.stride + g.kernel);
    if (M::FAST && any_nan(finite)) channels_rows<SLOW>(call, band, end - first, constants, bias);
    else channels_rows<M>(call, band, end - first, constants, bias);
    empty_band(call, band, y, channels, first, end);
}

// A unit is a group of channels of an image. Channels-last it is a band of rows instead, with all its channels: they
// lie side by side in memory.
template <class M, class SLOW, class T> static void channels_work(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Layer &g = call.g;
    const int64_t taps = g.kernel * g.kernel, groups = groups_of(g), per_group = taps * M::PARTS * VL;
    Band band;
    int64_t rows_in;
    band.rows_out = rows_of_band(call, M::SHARED, &rows_in, &band.row_pixels);
    const int64_t in_floats = rows_in * band.row_pixels * M::SHARED * VL, out_floats = band.rows_out * call.columns_out * VL;
    const int64_t packed_floats = per_group * (g.channels_last ? groups : 1);
    float *memory = arena(SCRATCH, (in_floats + out_floats + packed_floats) * sizeof(float));
    if (!memory) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    band.in = memory;
    band.out = memory + in_floats;
    float *packed = band.out + out_floats;
    auto pack = [&](int64_t group, float *to) {
        const int64_t channel = group * VL, channels = g.channels - channel < VL ? g.channels - channel : (int64_t)VL;
        pack_constants<M>(call.w + channel * taps, call.scale, taps, channels, to);
    };
    if (g.channels_last) {
        const int64_t bands = (call.rows_out + band.rows_out - 1) / band.rows_out;
        for (int64_t group = 0; group < groups; group++) pack(group, packed + group * per_group);
        for (int64_t unit = begin; unit < end; unit++)
            for (int64_t group = 0; group < groups; group++)
                channels_band<M, SLOW, T>(call, band, unit / bands, group, unit % bands * band.rows_out,
                                          packed + group * per_group);
        return;
    }
    int64_t packed_group = -1;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t group = unit / g.images;
        if (group != packed_group) pack(group, packed);
        packed_group = group;
        for (int64_t first = 0; first < call.rows_out; first += band.rows_out)
            channels_band<M, SLOW, T>(call, band, unit % g.images, group, first, packed);
    }
}
