// Work along a strided axis: vectors run over the contiguous elements beside it, so no lane ever moves.
// One tile is read once, transformed in scratch, written once.
//
// What reads and writes the tensors is compiled for each type of theirs; what lies between, in scratch, once for all.
#pragma once
#include "fetch.h"
#include "tile.h"

// A run of the first level's groups or of its blocks: all of them, or some between two pieces of other work.
struct Groups {
    int64_t begin, end;
};

// Blocks of one level, all alike.
struct Blocks {
    int64_t count, stride;
};

// The passes on either end, in forward_strided.cpp: `g` groups of the first level from the tensor into scratch, and from
// scratch to the output, with what `residual` points to added.
WITHIN_LIBRARY void first_groups(const Levels &levels, const RowPointers<Element> &rows, const Tile &t, float *scratch, Groups g,
                                 Fetch *fetch);
WITHIN_LIBRARY void last_groups(const Call &call, const Levels &levels, const float *scratch, const Tile &t, Element *y,
                                const RowPointers<Element> *residual, Groups g, Fetch *fetch);

// In forward_strided_inner.cpp: the butterflies of one level alone, and some blocks of a level of a tile all the way.
WITHIN_LIBRARY void run_middle(const Levels &levels, int level, float *block, int64_t tile, int64_t columns, Fetch *fetch);
WITHIN_LIBRARY void inner_levels(int level, float *first, Blocks blocks, const Call &call, int64_t columns, int64_t row,
                                 Fetch *fetch);
