// A padded copy of an image's channels in which every tap of a convolution is one offset.
//
// With stride 1, rows lie width + pad apart: the zeros at the end of a row are those at the start of the next.
// Output positions run flat over these rows; (row - out_width) of each row are junk. With larger strides the copy
// holds one plane for each phase (row mod stride, column mod stride) that a tap reads, so that taps stay contiguous.
#pragma once
#include "lanes.h"

struct Planes {
    int64_t height, width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, out_h, out_w;
    int64_t x_channel, x_row, x_column;  // of the input, in elements
    int64_t row, rows, phase, channel;   // of the copy, in floats: see planes_lay_out
    int64_t positions;                   // flat output positions, junk included

    int64_t phases_h() const { return stride_h < kernel_h ? stride_h : kernel_h; }
    int64_t phases_w() const { return stride_w < kernel_w ? stride_w : kernel_w; }
    // Where a tap of output position 0 stands in its channel.
    int64_t tap(int64_t y, int64_t x) const {
        return ((y % stride_h) * phases_w() + x % stride_w) * phase + (y / stride_h) * row + x / stride_w;
    }
};

static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

static inline void planes_lay_out(Planes *p) {
    p->row = p->stride_w == 1 ? p->width + p->pad_w : (p->width + 2 * p->pad_w + p->stride_w - 1) / p->stride_w;
    p->row = larger(p->row, p->out_w);
    p->rows = (p->height + 2 * p->pad_h + p->stride_h - 1) / p->stride_h;
    p->phase = p->rows * p->row + p->pad_w;
    p->channel = p->phases_h() * p->phases_w() * p->phase;
    // Channels a power of two apart would share few cache sets; a whole number of vectors saves split loads.
    p->channel = (p->channel + VL - 1) / VL * VL;
    if (p->channel % 64 == 0) p->channel += VL;
    p->positions = (p->out_h - 1) * p->row + p->out_w;
}

// Floats of a copy of `channels` channels read in vectors: `tile` past the last position, one more for the copying.
static inline int64_t planes_floats(const Planes &p, int64_t channels, int64_t tile) {
    return channels * p.channel + tile + 2 * VL;
}

// Copies one channel; writes up to VL floats past its end, so channels must be copied in ascending order.
template <class T> static void copy_channel(const Planes &p, const T *x, float *to) {
    const vf zero = splat(0);
    for (int64_t py = 0; py < p.phases_h(); py++) {
        for (int64_t px = 0; px < p.phases_w(); px++) {
            float *plane = to + (py * p.phases_w() + px) * p.phase;
            for (int64_t i = 0; i < p.rows; i++) {
                const int64_t h = i * p.stride_h + py - p.pad_h;
                float *row = plane + i * p.row;
                if (h < 0 || h >= p.height) {
                    for (int64_t c = 0; c < p.row + p.pad_w; c += VL) store(row + c, zero);
                    continue;
                }
                // Columns of the phase that fall into the image, and zeros on both sides of them.
                const int64_t first = larger(0, (p.pad_w - px + p.stride_w - 1) / p.stride_w);
                const int64_t start = first * p.stride_w + px - p.pad_w;
                const int64_t count = start < p.width ? (p.width - start + p.stride_w - 1) / p.stride_w : 0;
                const T *from = x + h * p.x_row + start * p.x_column;
                const int64_t step = p.stride_w * p.x_column;
                for (int64_t c = 0; c < first; c += VL) store(row + c, zero);
                for (int64_t c = 0; c < count; c += VL)
                    store(row + first + c, load_spaced(from + c * step, step, count - c < VL ? count - c : VL));
                const int64_t end = (count + VL - 1) / VL * VL;  // past it the vectors above wrote nothing
                for (int64_t c = first + end; c < p.row + p.pad_w; c += VL) store(row + c, zero);
            }
        }
    }
}
