// Asks memory for what the next tiles read, at the pace of the work on this one.
#pragma once
#include "plan.h"

// The rows of the tiles to come, fetched at an even pace while the ones before are worked on: a core that asks for
// many lines at once waits for them. In the order in which the first pass wants them: group by group.
struct Fetch {
    const char *at, *end;         // the next row to fetch; past the rows of its tile. Null: nothing to fetch
    const char *base, *next;      // first row of the tile, and of the one after it or null
    int64_t step, group_step;     // bytes from row to row, and within a group
    int64_t bytes, extent;        // of one row of a tile; of a tile's rows
    int64_t group, groups;
    int64_t earned, cost;

    void begin(const Rows &rows, int64_t groups_, int64_t element, int64_t row_bytes, int64_t cost_) {
        at = next = 0;
        bytes = row_bytes;
        groups = groups_;
        step = rows.step * element;
        group_step = step * groups;
        extent = rows.table ? 0 : rows.count * step;  // rows in a table are not worth it
        earned = 0;
        cost = cost_;
    }
    void aim(const void *tile) {
        group = 0;
        at = base = extent ? (const char *)tile : 0;
        end = at ? at + extent : 0;
    }
    void one() {
        if (!at) return;
        const char *line = at, *past = at + bytes;
        do {
            __builtin_prefetch(line, 0, 2);
            __builtin_prefetch(line + 64, 0, 2);
            line += 128;
        } while (line < past);
        at += group_step;
        if (at < end) return;
        if (++group < groups) {
            at = base + group * step;
        } else {
            aim(next);
            next = 0;
        }
    }
    // Called for `work` vectors done, so that a tile's worth of calls fetches a tile.
    NOINLINE void pace(int64_t work) {
        for (earned += work; earned >= cost; earned -= cost) one();
    }
};

// Numbers that were tried, given to the compiler by name: tests/kernels/test_kernels_constants.py tries others.
#if !defined(ROWS_AHEAD)
#define ROWS_AHEAD 160  // rows of the tiles to come: enough to cover memory's delay, few enough for the second cache
#endif
#if !defined(CORE_WEIGHT)
#define CORE_WEIGHT 4  // a column takes that much longer in the core pass than in any other
#endif
