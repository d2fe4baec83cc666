// What the kernels use of a GPU, under names that a host compiler can give another meaning for the tests.
//
// The same text is compiled by nvcc (10.2 and newer), by NVRTC, and, with a shim in place of these names, by a host
// compiler. Macros name one kernel of a program:
//
//   GPU_DTYPE        0 float32, 1 float16, 2 bfloat16: what tensors hold; all arithmetic is float32
//   GPU_THREADS      threads of a block           GPU_MIN_BLOCKS   thread blocks wanted on a multiprocessor
//   GPU_DYNAMIC_SHARED   1: more shared memory than may be static

#ifndef GPU_EMULATED
typedef long long gpu_int64;
#define GPU_INLINE static __device__ __forceinline__
#define GPU_KERNEL extern "C" __global__ void __launch_bounds__(GPU_THREADS, GPU_MIN_BLOCKS)
#define GPU_SMALL_KERNEL extern "C" __global__ void __launch_bounds__(256)
#define GPU_UNROLL _Pragma("unroll")
#define GPU_UNROLL_FOUR _Pragma("unroll 4")
#define GPU_BLOCK_BARRIER() __syncthreads()
#define GPU_WARP_BARRIER() __syncwarp()
#define GPU_SHUFFLE_XOR(value, mask) __shfl_xor_sync(0xffffffffu, value, mask)
#define GPU_OPAQUE(value) asm("" : "+l"(value))
#define GPU_OPAQUE_INT(value) asm("" : "+r"(value))
#define GPU_SHARED_PUT(shared, word, value) (shared)[word] = (value)
#define GPU_SHARED_GET(shared, word) (shared)[word]
#define GPU_STATIC_SHARED(name, words) __shared__ float name[words]
#if GPU_DYNAMIC_SHARED
#define GPU_SHARED_BUFFER(name, words) extern __shared__ float name[]
#else
#define GPU_SHARED_BUFFER(name, words) GPU_STATIC_SHARED(name, words)
#endif
#if GPU_DTYPE == 0
typedef float gpu_stored;
#else
typedef unsigned short gpu_stored;
#endif
typedef const gpu_stored *gpu_source;
typedef gpu_stored *gpu_target;

GPU_INLINE float gpu_exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

GPU_INLINE float gpu_reciprocal(float x) {
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

GPU_INLINE unsigned gpu_multiply_high(unsigned a, unsigned b) { return __umulhi(a, b); }

GPU_INLINE float gpu_get(gpu_source from, int index) {
#if GPU_DTYPE == 0
    return __ldg(from + index);
#elif GPU_DTYPE == 1
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(__ldg(from + index)));
    return value;
#else
    return __uint_as_float((unsigned)__ldg(from + index) << 16);
#endif
}

GPU_INLINE void gpu_put(gpu_target to, int index, float value) {
#if GPU_DTYPE == 0
    to[index] = value;
#elif GPU_DTYPE == 1
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

GPU_INLINE float gpu_parameter(const float *from, int index) { return __ldg(from + index); }

// Four neighbours at once; their place is a multiple of four.
GPU_INLINE void gpu_parameters(const float *from, int index, float *four) {
    float4 found = __ldg((const float4 *)(from + index));
    four[0] = found.x;
    four[1] = found.y;
    four[2] = found.z;
    four[3] = found.w;
}
#endif  // GPU_EMULATED

// Division by a number known before the launch: quotient = (high(n * factor) + n) >> shift, exact below 2^31.
struct GpuDivisor {
    unsigned value, factor, shift;
};

GPU_INLINE unsigned gpu_divide(unsigned n, GpuDivisor by) {
    return (gpu_multiply_high(n, by.factor) + n) >> by.shift;
}
