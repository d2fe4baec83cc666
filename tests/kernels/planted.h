// Read before the kernels' sources by the builds of planted.py: the fault that a run is to have, and how instructions
// which compilers do not instrument are shown to the sanitizers.
#pragma once
#include <stdint.h>
#include <stdlib.h>

// 0: none.
static const int planted_fault = getenv("PLANTED_FAULT") ? atoi(getenv("PLANTED_FAULT")) : 0;

// Reads the elements that the bits of `lanes` stand for, one by one.
template <class T> static __attribute__((noinline)) void show_read(const T *p, uint64_t lanes) {
    for (; lanes; lanes &= lanes - 1) (void)((const volatile T *)p)[__builtin_ctzll(lanes)];
}
// Writes them, with what they hold.
template <class T> static __attribute__((noinline)) void show_write(T *p, uint64_t lanes) {
    for (; lanes; lanes &= lanes - 1) {
        volatile T *q = p + __builtin_ctzll(lanes);
        *q = *q;
    }
}
// The address a byte on, which no type but a byte's may have.
template <class T> static T *askew(T *p) { return (T *)((uintptr_t)p + 1); }
