// Shares units of work among the threads of torch's own OpenMP pool, or among own threads without one.
#pragma once
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

typedef void (*OmpParallel)(void (*)(void *), void *, unsigned, unsigned);

struct Pool {
    OmpParallel parallel;  // GOMP_parallel of the OpenMP library torch has loaded, or null
};

typedef void (*Work)(void *context, int64_t begin, int64_t end);

enum { MOST_SHARES = 64 };

// The work of one call in as many shares as threads, each in chunks.
struct Share {
    Work work;
    void *context;
    int64_t units, grain, chunks;
    int shares;
    int64_t next[MOST_SHARES];  // of each share, the chunk to do next
};

// The share a thread begins with, the same in every call: it finds in its own cache what it wrote there before,
// instead of taking it out of a neighbour's.
static int64_t threads_seen;
static __thread int64_t thread_number = -1;

// A thread that is done with its share helps with the others': a core that a neighbour slows down does less. No
// result depends on who does which chunk.
static inline void take_chunks(void *argument) {
    Share *share = (Share *)argument;
    if (thread_number < 0) thread_number = __atomic_fetch_add(&threads_seen, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < share->shares; i++) {
        const int64_t mine = (thread_number + i) % share->shares;
        const int64_t last = share->chunks * (mine + 1) / share->shares;
        for (;;) {
            const int64_t begin = __atomic_fetch_add(&share->next[mine], 1, __ATOMIC_RELAXED) * share->grain;
            if (begin >= last * share->grain) break;
            const int64_t end = begin + share->grain;
            share->work(share->context, begin, end < share->units ? end : share->units);
        }
    }
}

static inline void *take_chunks_thread(void *argument) {
    take_chunks(argument);
    return 0;
}

static inline void parallel_for(const Pool *pool, int threads, int64_t units, int64_t grain,
                                Work work, void *context) {
    if (grain < 1) grain = 1;
    int64_t chunks = (units + grain - 1) / grain;
    if (threads > chunks) threads = (int)chunks;
    if (threads <= 1) return work(context, 0, units);
    Share share;
    share.work = work;
    share.context = context;
    share.units = units;
    share.grain = grain;
    share.chunks = chunks;
    share.shares = threads < MOST_SHARES ? threads : MOST_SHARES;
    for (int i = 0; i < share.shares; i++) share.next[i] = chunks * i / share.shares;
    if (pool->parallel) {
        pool->parallel(take_chunks, &share, (unsigned)threads, 0);
    } else {
        enum { MOST = 64 };
        pthread_t others[MOST];
        int started = 0;
        while (started < threads - 1 && started < MOST &&
               pthread_create(&others[started], 0, take_chunks_thread, &share) == 0)
            started++;
        take_chunks(&share);
        for (int i = 0; i < started; i++) pthread_join(others[i], 0);
    }
}

// Memory each thread keeps between calls: fresh pages cost more than a small layer.
enum Slot { TABLES = 0, SCRATCH = 1, SLOTS = 2 };
struct Arena {
    char *memory[SLOTS];
    size_t bytes[SLOTS];
};
static pthread_key_t arena_key;
static pthread_once_t arena_once = PTHREAD_ONCE_INIT;
static __thread Arena *arena_here;

static void arena_free(void *pointer) {
    Arena *arena = (Arena *)pointer;
    for (int i = 0; i < SLOTS; i++) free(arena->memory[i]);
    free(arena);
}
static void arena_make_key() { pthread_key_create(&arena_key, arena_free); }

// Returns at least `bytes` of 64-byte aligned memory of this thread, or null.
static inline float *arena(Slot slot, size_t bytes) {
    if (!arena_here) {
        pthread_once(&arena_once, arena_make_key);
        arena_here = (Arena *)calloc(1, sizeof(Arena));
        if (!arena_here) return 0;
        pthread_setspecific(arena_key, arena_here);
    }
    if (arena_here->bytes[slot] < bytes) {
        free(arena_here->memory[slot]);
        arena_here->memory[slot] = 0;
        arena_here->bytes[slot] = 0;
        void *fresh = 0;
        if (posix_memalign(&fresh, 4096, bytes + 4096)) return 0;
        arena_here->memory[slot] = (char *)fresh;
        arena_here->bytes[slot] = bytes;
    }
    return (float *)(arena_here->memory[slot] + 1088);  // away from the start of a page, where tensors begin
}
