// A tile of V vectors of flat positions: which of its lanes every tap reads, and where its lanes go in the output.
#pragma once
#include "planes.h"

enum { MOST_TAPS = 64 };

// Bits of the lanes at which a tap stands inside the plane, for planes read where they are (output as large as input,
// stride 1). False if they all do for every tap.
template <int V, int ROOM>
static inline bool tile_taps(const Planes &p, int64_t first, Lanes (*lanes)[ROOM]) {
    bool masked = false;
    for (int v = 0; v < V; v++) {
        Lanes rows[MOST_TAPS] = {}, columns[MOST_TAPS] = {};
        int64_t position = first + v * VL, y = position / p.out_w, x = position % p.out_w;
        for (int l = 0; l < VL && y < p.out_h; l++) {
            for (int64_t i = 0; i < p.kernel_h; i++)
                if (y + i >= p.pad_h && y + i - p.pad_h < p.height) rows[i] |= (Lanes)(1u << l);
            for (int64_t i = 0; i < p.kernel_w; i++)
                if (x + i >= p.pad_w && x + i - p.pad_w < p.width) columns[i] |= (Lanes)(1u << l);
            if (++x == p.out_w) x = 0, y++;
        }
        for (int64_t i = 0; i < p.kernel_h * p.kernel_w; i++) {
            lanes[i][v] = rows[i / p.kernel_w] & columns[i % p.kernel_w];
            masked = masked || lanes[i][v] != first_lanes(VL);
        }
    }
    return masked;
}

// Where the lanes of up to V vectors stand in a plane of the output.
template <int V> struct Places {
    int64_t at[V], count[V];  // first element and number of elements of each vector
    bool squeezed;            // some lanes are junk: only `lanes` are written, side by side
    Lanes lanes[V];
};

// `row`: positions between output rows; `positions`: of the plane, junk included.
template <int V, int ROOM>
static inline void tile_places(int64_t first, int64_t row, int64_t out_w, int64_t out_h, int64_t positions,
                               Places<ROOM> *to) {
    to->squeezed = row != out_w;
    for (int v = 0; v < V; v++) {
        const int64_t p = first + v * VL;
        if (!to->squeezed) {
            to->at[v] = p;
            to->count[v] = positions - p < VL ? larger(positions - p, 0) : VL;
            continue;
        }
        int64_t y = p / row, x = p % row;
        to->at[v] = y * out_w + (x < out_w ? x : out_w);
        to->count[v] = 0;
        to->lanes[v] = 0;
        for (int l = 0; l < VL && y < out_h; l++) {
            if (x < out_w) {
                to->lanes[v] |= (Lanes)(1u << l);
                to->count[v]++;
            }
            if (++x == row) x = 0, y++;
        }
        if (to->count[v] == 0) to->at[v] = 0;
    }
}

#if MASKED_LANES
template <int ROOM> static INLINE void put_lanes(float *plane, const Places<ROOM> &places, int v, vf value) {
    if (places.squeezed) value = squeeze_lanes(value, places.lanes[v]);
    store_first(plane + places.at[v], value, places.count[v]);
}
#endif

// `length` flat positions from `first` on, one float each, for each of `count` outputs: into their planes of y.
template <class T>
static inline void scatter_rows(const float *rows, int64_t rows_step, int64_t count, int64_t first, int64_t length, int64_t row,
                                int64_t out_w, int64_t out_h, T *y) {
    const int64_t plane = out_w * out_h;
    for (int64_t p = first, step; p < first + length && p / row < out_h; p += step) {
        const int64_t line = p / row, column = p % row, left = first + length - p;
        step = row - column < left ? row - column : left;
        const int64_t inside = out_w - column, run = inside < step ? inside : step;
        for (int64_t m = 0; m < count; m++) {
            const float *from = rows + m * rows_step + (p - first);
            T *to = y + m * plane + line * out_w + column;
            for (int64_t c = 0; c < run; c += VL) store_first(to + c, load_first(from + c, run - c), run - c);
        }
    }
}
