// A tile of work along a strided axis: all rows of the axis by a few vectors, and where they lie in the tensors.
#pragma once
#include "call.h"

// The width of a tile in vectors. What is left after the whole ones is a column of its own that begins where the
// last whole vector of the row does: its first lanes are done twice, no lane is left empty.
struct Tile {
    Rows x_rows, y_rows;
    int64_t whole, tail;  // whole vectors; elements after them
    bool backwards;       // rows are written last to first
    int64_t head, begin;  // columns that lie at the beginning of the row, `begin` elements before the tile's

    INLINE bool narrow() const { return whole == 0; }  // less than one vector: lanes have to be left empty
    INLINE int64_t columns() const { return whole + (tail > 0) + head; }
    INLINE int64_t at(int64_t column) const {
        if (column < whole || narrow()) return column * VL;
        return head ? (column - whole) * VL - begin : (whole - 1) * VL + tail;
    }
};

template <class T> struct RowPointers {
    const T *base, *end;  // end: first element past the tensor
    Rows rows;
    INLINE const T *operator[](int64_t row) const {
        const int64_t offset = rows[row];
        return offset < 0 ? (const T *)ZEROS : base + offset;
    }
};

template <class T> static INLINE vf load_tail(const T *p, int64_t tail, const T *end) {
    // The lanes past the tail belong to a next row and are dropped on storing; only the tensor's end needs care.
    return p + VL <= end ? load(p) : load_partial(p, tail);
}

// Where unit number `unit` of a strided plan lies.
struct Place {
    int64_t x, y;  // element offsets of the tile's first element
    Tile tile;
};

static INLINE Place place(const Plan &plan, const Cut &cut, int64_t unit) {
    const Geometry &g = plan.g;
    int64_t tile = unit % cut.tiles, rest = unit / cut.tiles;
    int64_t block = rest % g.blocks, outer = rest / g.blocks, begin = tile * cut.tile;
    int64_t width = g.inner - begin < cut.tile ? g.inner - begin : cut.tile;
    bool last = block == g.blocks - 1;
    Place p;
    p.x = outer * g.x_outer + block * g.x_block + begin;
    p.y = outer * g.y_outer + block * g.y_block + begin;
    p.tile.x_rows = last ? plan.x_rows_last : plan.x_rows;
    p.tile.y_rows = last ? plan.y_rows_last : plan.y_rows;
    p.tile.whole = width / VL;
    p.tile.tail = width % VL;
    p.tile.head = p.tile.begin = 0;
    // Neighbours share cache lines where rows are no whole lines: two threads that start together should meet once
    // on their way, not walk side by side.
    p.tile.backwards = unit % 2;
    return p;
}

// The same where the one image is cut by lines.
static INLINE Place place(const Plan &plan, const LineCut &cut, int64_t unit) {
    Place p;
    p.x = p.y = p.tile.begin = cut.begin(unit);
    p.tile.x_rows = plan.x_rows_last;
    p.tile.y_rows = plan.y_rows_last;
    p.tile.whole = cut.whole(unit);
    p.tile.tail = 0;
    p.tile.backwards = false;
    p.tile.head = cut.head(unit);
    return p;
}
