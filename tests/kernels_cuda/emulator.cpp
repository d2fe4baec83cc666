// Runs the device source on the CPU: a fiber for every thread of a block, switched at barriers and shuffles.
//
// Beside the result it checks what a GPU would let pass: two threads touching one word of shared memory without a
// barrier between them, words read before they are written, elements read or written outside the tensors or written
// twice, warps that part at a barrier. The macros that name a kernel are numbers set by the caller at run time, so
// one build serves every kernel.
#include <cstdint>
#include <cstdio>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <ucontext.h>
#include <vector>

#define GPU_EMULATED
// The numbers that name a kernel, made by cuda_emulator.py: EMULATED_SETTINGS(USE) lists them, each a macro.
#include EMULATED_HEADER

typedef long long gpu_int64;
#define GPU_INLINE static
#define GPU_KERNEL static void
#define GPU_SMALL_KERNEL static void
#define GPU_UNROLL
#define GPU_UNROLL_FOUR
#define GPU_OPAQUE(value) (void)(value)
#define GPU_OPAQUE_INT(value) (void)(value)

namespace {

struct Index { unsigned x, y; };
Index threadIdx, blockIdx, blockDim, gridDim;

enum Wait { RUNNING, AT_BLOCK_BARRIER, AT_WARP_BARRIER, AT_SHUFFLE, DONE };

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    Wait wait;
    float offered;
};

const size_t STACK_BYTES = 64 * 1024;
std::vector<Fiber> fibers;
ucontext_t scheduler;
unsigned current;
std::string problem;

void complain(const std::string &what) {
    if (problem.empty()) {
        problem = "block " + std::to_string(blockIdx.x) + ", thread " + std::to_string(threadIdx.x) + ": " + what;
    }
}

void pause(Wait wait) {
    fibers[current].wait = wait;
    swapcontext(&fibers[current].context, &scheduler);
}

// Shared memory: who touched each word last, and between which barriers.
const int NOBODY = -1, SEVERAL = -2;
struct Touch { int thread; unsigned block_epoch, warp_epoch; };
struct Word { float value; bool written; Touch writer, reader; };
std::vector<Word> words;
const size_t STATIC_WORDS = 12 * 1024;  // 48 KB, all that may be static
unsigned block_epoch;
std::vector<unsigned> warp_epochs;

void reserve(size_t count) {
    if (count > STATIC_WORDS) complain("has a static array of more than 48 KB");
    if (count > words.size()) words.resize(count, Word{0, false, {NOBODY, 0, 0}, {NOBODY, 0, 0}});
}

// Whether everything the toucher did is known to be over before the current thread goes on.
bool settled(const Touch &touch) {
    if (touch.thread == NOBODY || touch.thread == (int)current || touch.block_epoch != block_epoch) return true;
    return touch.thread != SEVERAL && touch.thread / 32 == (int)current / 32
           && touch.warp_epoch != warp_epochs[current / 32];
}

Touch touch_now() { return Touch{(int)current, block_epoch, warp_epochs[current / 32]}; }

bool outside(int word) {
    if (word >= 0 && (size_t)word < words.size()) return false;
    complain("word " + std::to_string(word) + " is outside the " + std::to_string(words.size())
             + " words of shared memory");
    return true;
}

struct Shared {};

void shared_put(int index, float value) {
    if (outside(index)) return;
    Word &word = words[index];
    if (!settled(word.writer) || !settled(word.reader)) {
        complain("race: writes word " + std::to_string(index) + " that another thread has just used");
    }
    word.value = value;
    word.written = true;
    word.writer = touch_now();
    word.reader.thread = NOBODY;
}

float shared_get(int index) {
    if (outside(index)) return 0;
    Word &word = words[index];
    if (!word.written) complain("reads word " + std::to_string(index) + " that nobody has written");
    if (!settled(word.writer)) {
        complain("race: reads word " + std::to_string(index) + " that another thread has just written");
    }
    Touch now = touch_now();
    if (!settled(word.reader)) now.thread = SEVERAL;
    word.reader = now;
    return word.value;
}

float shuffle_xor(float value, int mask) {
    unsigned me = current;
    fibers[me].offered = value;
    pause(AT_SHUFFLE);
    float taken = fibers[me ^ mask].offered;
    pause(AT_SHUFFLE);
    return taken;
}

// Tensors: every access is checked against the elements the caller declared.
struct Tensor { const char *base; size_t elements, bytes; std::vector<unsigned char> writes; };
std::map<const char *, Tensor> tensors;

Tensor *find(const void *address) {
    auto after = tensors.upper_bound((const char *)address);
    if (after == tensors.begin()) return nullptr;
    Tensor &tensor = (--after)->second;
    return (const char *)address < tensor.base + tensor.elements * tensor.bytes ? &tensor : nullptr;
}

size_t element_bytes() { return GPU_DTYPE == 0 ? 4 : 2; }

struct Pointer {
    char *address;
    Pointer(const void *from = nullptr) : address((char *)from) {}
    Pointer operator+(gpu_int64 elements) const { return Pointer(address + elements * (gpu_int64)element_bytes()); }
};

float half_to_float(unsigned short half) {
    unsigned sign = (unsigned)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    float magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                                     : std::ldexp((float)(exponent ? fraction | 1024 : fraction),
                                                  (exponent ? (int)exponent : 1) - 25);
    return sign ? -magnitude : magnitude;
}

unsigned short float_to_half(float value) {
    unsigned short sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isnan(value)) return 0x7fff;
    float magnitude = std::fabs(value);
    if (magnitude >= 65520.0f) return sign | 0x7c00;
    if (magnitude == 0.0f) return sign;
    int exponent;
    std::frexp(magnitude, &exponent);
    int power = exponent - 11 < -24 ? -24 : exponent - 11;  // of the last kept bit
    unsigned units = (unsigned)std::nearbyint(std::ldexp(magnitude, -power));
    return sign | (unsigned short)(units + ((unsigned)(power + 24) << 10));
}

unsigned bits_of(float value) { unsigned bits; memcpy(&bits, &value, 4); return bits; }
float float_of(unsigned bits) { float value; memcpy(&value, &bits, 4); return value; }

bool trusting;

float gpu_get(Pointer from, int index) {
    const char *address = (from + index).address;
    if (!trusting && !find(address)) { complain("reads an element outside its tensor"); return 0; }
    if (GPU_DTYPE == 0) { float value; memcpy(&value, address, 4); return value; }
    unsigned short stored;
    memcpy(&stored, address, 2);
    return GPU_DTYPE == 1 ? half_to_float(stored) : float_of((unsigned)stored << 16);
}

void gpu_put(Pointer to, int index, float value) {
    char *address = (to + index).address;
    Tensor *tensor = find(address);
    if (trusting) tensor = nullptr;
    if (!tensor && !trusting) { complain("writes an element outside its tensor"); return; }
    if (tensor && tensor->writes[(address - tensor->base) / tensor->bytes]++) complain("writes an element a second time");
    if (GPU_DTYPE == 0) { memcpy(address, &value, 4); return; }
    unsigned short stored = float_to_half(value);
    if (GPU_DTYPE == 2) {
        unsigned bits = bits_of(value);
        stored = std::isnan(value) ? 0x7fc0 : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
    memcpy(address, &stored, 2);
}

float gpu_parameter(const float *from, int index) {
    if (!trusting && !find(from + index)) { complain("reads a parameter outside its table"); return 0; }
    return from[index];
}

void gpu_parameters(const float *from, int index, float *four) {
    if ((uintptr_t)(from + index) % 16) complain("reads four parameters from a place that is no multiple of four");
    for (int n = 0; n < 4; ++n) four[n] = gpu_parameter(from, index + n);
}

// The GPU's approximations: the right value, off by as much as a test asks for.
double exp2_error, reciprocal_error;
float gpu_exp2(float x) { return (float)(std::exp2((double)x) * (1 + exp2_error)); }
float gpu_reciprocal(float x) { return (float)(1.0 / x * (1 + reciprocal_error)); }
unsigned gpu_multiply_high(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
using std::copysignf;
using std::fabs;
}  // namespace

typedef Pointer gpu_source;
typedef Pointer gpu_target;
#define GPU_BLOCK_BARRIER() pause(AT_BLOCK_BARRIER)
#define GPU_WARP_BARRIER() pause(AT_WARP_BARRIER)
#define GPU_SHUFFLE_XOR(value, mask) shuffle_xor(value, mask)
#define GPU_SHARED_PUT(shared, word, value) shared_put((int)(shared - (float *)nullptr) + (word), value)
#define GPU_SHARED_GET(shared, word) shared_get((int)(shared - (float *)nullptr) + (word))
#define GPU_STATIC_SHARED(name, count) \
    float *name = nullptr;             \
    reserve((size_t)(count))
// What a kernel asks for at its launch is all it has; a static array comes with the kernel.
#define GPU_SHARED_BUFFER(name, count)                \
    float *name = nullptr;                            \
    if (!GPU_DYNAMIC_SHARED) reserve((size_t)(count)); \
    if ((size_t)(count) > words.size()) complain("has too little shared memory")

#include GPU_SOURCE

#include EMULATED_PROGRAM

namespace {
int kernel;

void thread_main() {
    emulated_thread(kernel);
    fibers[current].wait = DONE;
    swapcontext(&fibers[current].context, &scheduler);
}

void resume(unsigned thread) {
    current = thread;
    threadIdx.x = thread;
    fibers[thread].wait = RUNNING;
    swapcontext(&scheduler, &fibers[thread].context);
}

bool all_wait(unsigned first, unsigned last, Wait wait) {
    for (unsigned t = first; t < last; ++t) if (fibers[t].wait != wait) return false;
    return true;
}

// Runs threads first..last-1 until each stands at a block barrier or is done.
void run_warp(unsigned first, unsigned last, bool reversed) {
    while (problem.empty()) {
        for (unsigned k = 0; k < last - first; ++k) {
            unsigned t = reversed ? last - 1 - k : first + k;
            if (fibers[t].wait == RUNNING) resume(t);
        }
        bool warp = all_wait(first, last, AT_WARP_BARRIER);
        if (!warp && !all_wait(first, last, AT_SHUFFLE)) {
            for (unsigned t = first; t < last; ++t) {
                if (fibers[t].wait == AT_WARP_BARRIER || fibers[t].wait == AT_SHUFFLE) {
                    current = threadIdx.x = t;
                    complain("the threads of its warp parted at a barrier or shuffle");
                }
            }
            return;
        }
        if (warp) ++warp_epochs[first / 32];
        for (unsigned t = first; t < last; ++t) fibers[t].wait = RUNNING;
    }
}

void run_block(unsigned threads, unsigned shared_words, bool reversed) {
    fibers.resize(threads);
    for (unsigned t = 0; t < threads; ++t) {
        Fiber &fiber = fibers[t];
        fiber.stack.resize(STACK_BYTES);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = STACK_BYTES;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, thread_main, 0);
        fiber.wait = RUNNING;
    }
    words.assign(shared_words, Word{0, false, {NOBODY, 0, 0}, {NOBODY, 0, 0}});
    warp_epochs.assign((threads + 31) / 32, 0);
    block_epoch = 0;
    while (problem.empty()) {
        unsigned warps = (threads + 31) / 32;
        for (unsigned k = 0; k < warps; ++k) {
            unsigned warp = reversed ? warps - 1 - k : k;
            run_warp(warp * 32, threads < warp * 32 + 32 ? threads : warp * 32 + 32, reversed);
        }
        if (!problem.empty() || all_wait(0, threads, DONE)) return;
        if (!all_wait(0, threads, AT_BLOCK_BARRIER)) {
            complain("some threads of its block are done while others wait at a barrier");
            return;
        }
        ++block_epoch;
        for (unsigned t = 0; t < threads; ++t) fibers[t].wait = RUNNING;
    }
}
}  // namespace

extern "C" {
// Names and sizes the host must agree with.
size_t emulator_params_bytes() { return sizeof emulated_arguments; }

int emulator_set(const char *name, int value) {
#define SET(setting) if (!strcmp(name, #setting)) { setting_of_##setting = value; return 1; }
    EMULATED_SETTINGS(SET)
    return 0;
}

void emulator_forget_tensors() { tensors.clear(); }

void emulator_tensor(const void *base, size_t elements, size_t bytes) {
    tensors[(const char *)base] = Tensor{(const char *)base, elements, bytes,
                                         std::vector<unsigned char>(elements, 0)};
}

// Relative errors of the exponential and the reciprocal from now on.
void emulator_approximate(double of_exp2, double of_reciprocal) {
    exp2_error = of_exp2;
    reciprocal_error = of_reciprocal;
}

// Lets a launch touch any memory: for callers that allocate outside the test's sight.
void emulator_trust(int trusted) { trusting = trusted != 0; }

// Elements of a tensor written exactly once.
size_t emulator_written(const void *base) {
    size_t count = 0;
    for (unsigned char writes : tensors[(const char *)base].writes) count += writes == 1;
    return count;
}

// Words of shared memory of the last block.
int emulator_words() { return (int)words.size(); }

// `which`: the number of a kernel among those of the program. Returns null or what went wrong.
const char *emulator_launch(int which, const void *params, unsigned blocks_x, unsigned blocks_y, unsigned threads,
                            unsigned shared_bytes, int reversed) {
    problem.clear();
    memcpy(&emulated_arguments, params, sizeof emulated_arguments);
    kernel = which;
    gridDim = Index{blocks_x, blocks_y};
    blockDim = Index{threads, 1};
    for (blockIdx.y = 0; blockIdx.y < blocks_y; ++blockIdx.y) {
        for (blockIdx.x = 0; blockIdx.x < blocks_x && problem.empty(); ++blockIdx.x) {
            run_block(threads, shared_bytes / 4, reversed != 0);
        }
    }
    return problem.empty() ? nullptr : problem.c_str();
}
}
