// What the kernels use of time.h, for a compiler that comes without a C library (test_kernels_gcc7.py).
#pragma once
struct timespec { long tv_sec, tv_nsec; };
enum { CLOCK_MONOTONIC = 1 };
extern "C" int clock_gettime(int, timespec *);
