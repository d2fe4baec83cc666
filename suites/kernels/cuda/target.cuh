// One fused Walsh-Hadamard layer: y = beta * H f(alpha * H x), one read and one write of memory.
//
// f is the smooth threshold tanh(w) * max(|w| - T, 0) or the soft threshold sign(w) * max(|w| - T, 0) of w = a v.
// The same text is compiled by nvcc (10.2 and newer), by NVRTC, and, with a shim in place of the built-in
// variables, by a host compiler for the tests. A set of macros, given by geometry.py, names one kernel:
//
//   WHT_LOG2N    n: N = 2^n points are transformed
//   WHT_SLOTS    E: points a thread holds in registers         WHT_LANES   G: threads that share a tile of E*G points
//   WHT_PIXELS   P: neighbouring pixels of a tile (1 for rows) WHT_TILES   Q: tiles of a thread block
//   WHT_ROUNDS   R: steps of an exchange; shared memory shrinks by R
//   WHT_STRIDED  1: the points of one transform lie `step` apart and neighbours in memory are independent pixels
//                0: they are neighbours in memory; a tile is E*G/N whole rows
//   WHT_CROP_IN, WHT_CROP_OUT   points beyond the length are zeros (read) or dropped (written)
//   WHT_PLANE    the points are a plane whose sides are not both powers of two; WHT_LOG2W: its padded width
//   WHT_FIXED    1: the strides within a tile are macros too (WHT_X_ROW, WHT_X_HIGH, WHT_X_STEP, ...)
//   WHT_SPLIT    transforms are counted by two indices, each with its own stride; 1: the second one counts blocks
//   WHT_DTYPE    0 float32, 1 float16, 2 bfloat16
//   WHT_SMOOTH, WHT_MODE (0 raw, 1 absolute, 2 clamped T), WHT_SCALED, WHT_KEEP_FIRST, WHT_RESIDUAL
//   WHT_FORWARD, WHT_BACKWARD   which kernels to build; WHT_MIN_BLOCKS   thread blocks wanted on a multiprocessor
//
// A tile has E*G*P values. Thread (j, p) first holds points i*G + j (slot i), so that loads are coalesced, and
// transforms the high bits of the index in registers. One exchange through shared memory gives it the points
// j*E + ..., whose low bits it then transforms; after the threshold the same steps run backwards.

#ifndef WHT_EMULATED
typedef long long wht_int64;
#define WHT_SLOT_ARRAY WHT_SLOTS
#define WHT_INLINE static __device__ __forceinline__
#define WHT_KERNEL extern "C" __global__ void __launch_bounds__(WHT_THREADS, WHT_MIN_BLOCKS)
#define WHT_SMALL_KERNEL extern "C" __global__ void __launch_bounds__(256)
#define WHT_UNROLL _Pragma("unroll")
#define WHT_BLOCK_BARRIER() __syncthreads()
#define WHT_WARP_BARRIER() __syncwarp()
#define WHT_SHUFFLE_XOR(value, mask) __shfl_xor_sync(0xffffffffu, value, mask)
#define WHT_OPAQUE(value) asm("" : "+l"(value))
#define WHT_OPAQUE_INT(value) asm("" : "+r"(value))
#define WHT_SHARED_PUT(shared, word, value) (shared)[word] = (value)
#define WHT_SHARED_GET(shared, word) (shared)[word]
#define WHT_STATIC_SHARED(name, words) __shared__ float name[words]
#if WHT_DYNAMIC_SHARED
#define WHT_SHARED_BUFFER(name, words) extern __shared__ float name[]
#else
#define WHT_SHARED_BUFFER(name, words) WHT_STATIC_SHARED(name, words)
#endif
#if WHT_DTYPE == 0
typedef float wht_stored;
#else
typedef unsigned short wht_stored;
#endif
typedef const wht_stored *wht_source;
typedef wht_stored *wht_target;

WHT_INLINE float wht_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

WHT_INLINE float wht_reciprocal(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

WHT_INLINE unsigned wht_multiply_high(unsigned a, unsigned b) { return __umulhi(a, b); }

WHT_INLINE float wht_get(wht_source from, int index) {
#if WHT_DTYPE == 0
    return __ldg(from + index);
#elif WHT_DTYPE == 1
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(__ldg(from + index)));
    return value;
#else
    return __uint_as_float((unsigned)__ldg(from + index) << 16);
#endif
}

WHT_INLINE void wht_put(wht_target to, int index, float value) {
#if WHT_DTYPE == 0
    to[index] = value;
#elif WHT_DTYPE == 1
    unsigned short half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    to[index] = half;
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    unsigned short rounded;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded) : "f"(value));
    to[index] = rounded;
#else
    // Round to nearest even by hand: the instruction for it begins with sm_80.
    unsigned bits = __float_as_uint(value);
    unsigned rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    to[index] = (unsigned short)(value != value ? 0x7fc0u : rounded);
#endif
}

WHT_INLINE float wht_parameter(const float *from, int index) { return __ldg(from + index); }
#endif  // WHT_EMULATED

