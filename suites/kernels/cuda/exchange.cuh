// Butterflies between the slots whose numbers differ in bits first..last-1.
GPU_INLINE void wht_butterflies(float *v, int first, int last) {
    GPU_UNROLL
    for (int bit = 0; bit < 6; ++bit) {
        if (bit < first || bit >= last) continue;
        GPU_UNROLL
        for (int s = 0; s < WHT_SLOTS; ++s) {
            if (s & (1 << bit)) continue;
            float a = v[s], b = v[s | (1 << bit)];
            v[s] = a + b;
            v[s | (1 << bit)] = a - b;
        }
    }
}

#define WHT_LOG2(x) ((x) >= 64 ? 6 : (x) >= 32 ? 5 : (x) >= 16 ? 4 : (x) >= 8 ? 3 : (x) >= 4 ? 2 : (x) >= 2 ? 1 : 0)

GPU_INLINE void wht_transform_high(float *v) { wht_butterflies(v, 0, WHT_LOG2N - WHT_LOG2(WHT_LANES)); }

// After the exchange the low bits of the point number are the high bits of the slot number.
GPU_INLINE void wht_transform_low(float *v) {
    int bits = WHT_LOG2(WHT_LANES), base = WHT_LOG2(WHT_SLOTS) - bits;
    wht_butterflies(v, base, base + (bits < WHT_LOG2N ? bits : WHT_LOG2N));
}

// The point, counted within the E points of a thread, that slot s holds after the exchange.
GPU_INLINE int wht_low_point(int s) { return s % WHT_SPAN * WHT_LANES + s / WHT_SPAN; }

GPU_INLINE void wht_barrier() {
    if (WHT_LANES * WHT_PIXELS <= 32) {
        GPU_WARP_BARRIER();
    } else {
        GPU_BLOCK_BARRIER();
    }
}

// Words of shared memory of a thread's slots on either side of an exchange. Rows are padded by one word in E.
// With pixels there is no room for padding (it would cost the second thread block of a Maxwell): the row is
// permuted by exclusive-or instead. Either way a warp meets each bank once.
struct WhtWords {
    int high, low, high_rows[WHT_BANK_ROWS_MOST], low_rows[WHT_BANK_ROWS_MOST];
};

GPU_INLINE WhtWords wht_words(const WhtPlace &at) {
    WhtWords words;
    int tile = at.q * (WHT_TILE + WHT_LANES);
    words.high = tile + at.j;
    words.low = tile + at.j * (WHT_SLOTS + 1);
    GPU_UNROLL
    for (int k = 0; k < WHT_BANK_ROWS_MOST; ++k) {
        if (WHT_PIXELS == 1 || k >= WHT_BANK_ROWS) continue;
        words.high_rows[k] = ((at.j % WHT_ROUND_LANES) ^ k) * WHT_PIXELS + at.p;
        words.low_rows[k] = at.j * (WHT_SPAN * WHT_ROUND_LANES * WHT_PIXELS)
                            + (k ^ (at.j % WHT_BANK_ROWS)) * WHT_PIXELS + at.p;
        GPU_OPAQUE_INT(words.high_rows[k]);
        GPU_OPAQUE_INT(words.low_rows[k]);
    }
    return words;
}

GPU_INLINE int wht_high_word(const WhtWords &words, int i) {
    if (WHT_PIXELS == 1) return words.high + i * WHT_LANES + i * WHT_LANES / WHT_SLOTS;
    return words.high_rows[i / WHT_SPAN % WHT_BANK_ROWS] + i * (WHT_ROUND_LANES * WHT_PIXELS);
}

GPU_INLINE int wht_low_word(const WhtWords &words, int s) {
    if (WHT_PIXELS == 1) return words.low + wht_low_point(s);
    int lane = s / WHT_SPAN % WHT_ROUND_LANES, row = lane % WHT_BANK_ROWS;
    return words.low_rows[row] + (s % WHT_SPAN) * (WHT_ROUND_LANES * WHT_PIXELS) + (lane - row) * WHT_PIXELS;
}

// Trades slots between the threads of a tile. In round r a thread gives and takes the same E/R slots, those whose
// block number is its own exclusive-or r, so that nothing is overwritten before it has left. The way back first
// writes the words that the same thread has just read, and the next way there, because the rounds run backwards on
// the way back, those that it read last: no barrier is needed in between.
GPU_INLINE void wht_exchange(float *v, float *shared, const WhtWords &words, int j, bool back) {
    GPU_UNROLL
    for (int r = 0; r < WHT_ROUNDS; ++r) {
        int mine = WHT_ROUNDS == 1 ? 0 : (j / WHT_ROUND_LANES) ^ (back ? WHT_ROUNDS - 1 - r : r);
        if (r > 0) wht_barrier();
        GPU_UNROLL
        for (int b = 0; b < WHT_ROUNDS; ++b) {
            if (mine != b) continue;
            GPU_UNROLL
            for (int s = b * (WHT_SLOTS / WHT_ROUNDS); s < (b + 1) * (WHT_SLOTS / WHT_ROUNDS); ++s) {
                GPU_SHARED_PUT(shared, back ? wht_low_word(words, s) : wht_high_word(words, s), v[s]);
            }
        }
        wht_barrier();
        GPU_UNROLL
        for (int b = 0; b < WHT_ROUNDS; ++b) {
            if (mine != b) continue;
            GPU_UNROLL
            for (int s = b * (WHT_SLOTS / WHT_ROUNDS); s < (b + 1) * (WHT_SLOTS / WHT_ROUNDS); ++s) {
                v[s] = GPU_SHARED_GET(shared, back ? wht_high_word(words, s) : wht_low_word(words, s));
            }
        }
    }
}

