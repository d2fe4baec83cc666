// What the kernels use of unistd.h, for a compiler that comes without a C library (test_kernels_gcc7.py).
#pragma once
enum { _SC_NPROCESSORS_ONLN = 84 };
extern "C" long sysconf(int);
