// Any kernel, stride, type and memory order: a vector is VL channels of one pixel, in a padded copy of a band of rows.
#pragma once
#include "layer.h"

enum { TILE_PIXELS = 4 };
#if VL == 16 || defined(__aarch64__)
enum { LONGER_TILE = 7 };  // of outputs that share their inputs' loads: 7 and 8 divide the widths of common networks
#else
enum { LONGER_TILE = 4 };  // of 16 registers
#endif

// The padded copy of a band, [row][column + 2 * padding][SHARED][VL], and its outputs, [row][column][VL].
struct Band {
    float *in, *out;
    int64_t row_pixels;    // pixels of a padded row
    int64_t rows_out;      // output rows of a full band
    bool padded;           // the padding holds zeros; else nothing reads it
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

// R outputs of a row of a 3x3 layer with stride 1, from the rows of inputs between `first` and `end` of three. Each
// input serves up to three outputs. AT_LEFT, AT_RIGHT: the first or the last column of inputs lies outside the plane.
template <class M, int R>
static INLINE void strip_tile(const float *in, float *out, int64_t row_pixels, int64_t first, int64_t end, bool at_left,
                              bool at_right, const float *constants, vf bias) {
    vf sum[R];
    Each<R>::run([&](int r) UNROLLED { sum[r] = bias; });
    for (int64_t row = first; row < end; row++) {
        const float *from = in + row * row_pixels * M::SHARED * VL;
        vf c[3 * M::PARTS];
        Each<3 * M::PARTS>::run([&](int k) UNROLLED { c[k] = load(constants + (row * 3 * M::PARTS + k) * VL); });
        Each<R + 2>::run([&](int i) UNROLLED {
            if ((i == 0 && at_left) || (i == R + 1 && at_right)) return;
            vf s[M::SHARED];
            Each<M::SHARED>::run([&](int k) UNROLLED { s[k] = load(from + (i * M::SHARED + k) * VL); });
            Each<3>::run([&](int j) UNROLLED {
                const int r = i - j;
                if (r >= 0 && r < R) sum[r] = M::tap(sum[r], s, c + j * M::PARTS);
            });
        });
    }
    Each<R>::run([&](int r) UNROLLED { store(out + r * VL, sum[r]); });
}

// A row of outputs in tiles of R. `padded`: taps outside the plane read zeros, else they are left out.
template <class M, int R>
static NOINLINE void strip_row(const float *in, float *out, int64_t columns, int64_t row_pixels, int64_t first, int64_t end,
                               bool padded, const float *constants, vf bias) {
    const int64_t step = M::SHARED * VL;
    int64_t j = 0;
    for (; j + R <= columns; j += R)
        strip_tile<M, R>(in + j * step, out + j * VL, row_pixels, first, end, !padded && j == 0, !padded && j + R == columns,
                         constants, bias);
    for (; j < columns; j++)
        strip_tile<M, 1>(in + j * step, out + j * VL, row_pixels, first, end, !padded && j == 0, !padded && j + 1 == columns,
                         constants, bias);
}

// Up to VL pixels of `channels` planes, `plane` apart, as vectors of channels.
template <class T>
static INLINE void pixels_of_planes(const T *p, int64_t plane, int64_t channels, int64_t count, vf *v) {
    if (count == 1) {  // the last of 49 pixels is not worth a transposition
        v[0] = load_spaced(p, plane, channels);
        return;
    }
    if (channels == VL && count == VL) {
        Each<VL>::run([&](int k) UNROLLED { v[k] = load(p + k * plane); });
    } else {
        for (int k = 0; k < VL; k++) v[k] = k < channels ? load_first(p + k * plane, count) : zero();
    }
    transpose(v);
}
template <class T>
static INLINE void planes_of_pixels(T *p, int64_t plane, int64_t channels, int64_t count, vf *v) {
    if (count == 1) {
        T all[VL];
        store(all, v[0]);
        for (int64_t k = 0; k < channels; k++) p[k * plane] = all[k];
        return;
    }
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
    for (int64_t i = first; i < (band.padded ? end : first); i++) {
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
        Each<VL>::run([&](int k) UNROLLED {
            if (k >= count) return;
            finite += finite_is_zero(v[k]);
            store(row_at + column * pixel, v[k]);
            if (SIGNS) store(row_at + column * pixel + VL, sign_of(v[k]));
            if (++column == width) {
                column = 0;
                row_at += row;
            }
        });
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
        Each<VL>::run([&](int k) UNROLLED { v[k] = k < count ? load(band.out + (at + k) * VL) : zero(); });
        planes_of_pixels(y + at, call.rows_out * columns, channels, count, v);
    }
}

// `rows` output rows, the plane's row `top` and on.
template <class M>
static void channels_rows(const Call &call, const Band &band, int64_t top, int64_t rows, const float *constants, vf bias) {
    const Layer &g = call.g;
    const int64_t row = band.row_pixels * M::SHARED * VL, columns = call.columns_out;
    for (int64_t i = 0; i < rows; i++) {
        const float *in = band.in + i * g.stride * row;
        float *out = band.out + i * columns * VL;
        if (g.kernel == 3 && g.stride == 1) {
            const int64_t y = top + i, first = !band.padded && y == 0 ? 1 : 0, end = !band.padded && y == g.height - 1 ? 2 : 3;
            if (columns % LONGER_TILE == 0)
                strip_row<M, LONGER_TILE>(in, out, columns, band.row_pixels, first, end, band.padded, constants, bias);
            else
                strip_row<M, TILE_PIXELS>(in, out, columns, band.row_pixels, first, end, band.padded, constants, bias);
        } else if (g.kernel == 3) {
            channels_row<M, 3, 0>(in, out, columns, band.row_pixels, 3, g.stride, constants, bias);
        } else {
            channels_row<M, 0, 0>(in, out, columns, band.row_pixels, g.kernel, g.stride, constants, bias);
        }
    }
}

// One band of the VL channels of `group`. SLOW has the constants of M, and does what a FAST one cannot.
template <class M, class SLOW, class T>
static void channels_band(const Call &call, Band &band, int64_t image, int64_t group, int64_t first) {
    const Layer &g = call.g;
    const int64_t plane_in = g.height * g.width, plane_out = call.rows_out * call.columns_out, channel = group * VL;
    const int64_t channels = g.channels - channel < VL ? g.channels - channel : (int64_t)VL;
    const int64_t end = first + band.rows_out < call.rows_out ? first + band.rows_out : call.rows_out;
    const T *x = (const T *)call.x + image * g.channels * plane_in + channel * (g.channels_last ? 1 : plane_in);
    T *y = (T *)call.y + image * g.channels * plane_out + channel * (g.channels_last ? 1 : plane_out);
    const float *constants = call.packed.constants + group * g.kernel * g.kernel * M::PARTS * VL;
    const vf bias = load(call.packed.bias + channel);
    // A zero times what is not finite is no number: then the padding must be there.
    band.padded = g.kernel != 3 || g.stride != 1 || call.packed.tainted[group] != 0;
    const int64_t top = first * g.stride - g.kernel / 2;
    const vf finite = fill_band<M::SHARED == 2>(call, band, x, channels, top, top + (end - 1 - first) * g.stride + g.kernel);
    if (M::FAST && any_nan(finite)) channels_rows<SLOW>(call, band, first, end - first, constants, bias);
    else channels_rows<M>(call, band, first, end - first, constants, bias);
    empty_band(call, band, y, channels, first, end);
}

// A unit is a group of channels of an image. Channels-last it is a band of rows instead, with all its channels: they
// lie side by side in memory.
template <class M, class SLOW, class T> static void channels_work(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Layer &g = call.g;
    const int64_t groups = groups_of(g);
    Band band;
    int64_t rows_in;
    band.rows_out = rows_of_band(call, M::SHARED, &rows_in, &band.row_pixels);
    const int64_t in_floats = rows_in * band.row_pixels * M::SHARED * VL, out_floats = band.rows_out * call.columns_out * VL;
    float *memory = arena(SCRATCH, (in_floats + out_floats) * sizeof(float));
    if (!memory) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    band.in = memory;
    band.out = memory + in_floats;
    const int64_t bands = (call.rows_out + band.rows_out - 1) / band.rows_out;
    for (int64_t unit = begin; unit < end; unit++) {
        if (g.channels_last)
            for (int64_t group = 0; group < groups; group++)
                channels_band<M, SLOW, T>(call, band, unit / bands, group, unit % bands * band.rows_out);
        else
            for (int64_t first = 0; first < call.rows_out; first += band.rows_out)
                channels_band<M, SLOW, T>(call, band, unit % g.images, unit / g.images, first);
    }
}
