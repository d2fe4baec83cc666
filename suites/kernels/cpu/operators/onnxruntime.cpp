// The 1-D layer as a custom operator of ONNX Runtime: edge_transforms.EdgeWht1d(x: N, C, H, W; threshold: C).
//
// The wheels bring no headers. The C API is a table of function pointers that only ever grows at its end, so the few
// entries used are reached by their place in it, as of API version 8: the same library loads in 1.10 and in 1.31.
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "operators/layer.h"
#include "threads.h"

extern "C" void wht_set_pool(void *parallel);

namespace {

const uint32_t API_VERSION = 8, POOL_VERSION = 17;
const int FLOAT = 1, INVALID_ARGUMENT = 2;

struct Status;
struct Value;
struct ShapeInfo;
struct KernelInfo;
struct KernelContext;
struct Domain;
struct SessionOptions;
struct CustomOp;
typedef void *const *Api;  // the table

struct ApiBase {
    Api (*get_api)(uint32_t version);
    const char *(*version)();
};

// Places in the table.
enum Entry {
    CREATE_STATUS = 0,
    CREATE_DOMAIN = 26,
    DOMAIN_ADD = 27,
    ADD_DOMAIN = 28,
    TENSOR_DATA = 51,
    DIMENSIONS_COUNT = 61,
    DIMENSIONS = 62,
    TENSOR_SHAPE = 65,
    INT64_ATTRIBUTE = 86,
    CONTEXT_INPUT = 90,
    CONTEXT_OUTPUT = 91,
    RELEASE_SHAPE = 99,
    PARALLEL_FOR = 274,  // since POOL_VERSION
};

template <class Function> Function entry(Api api, Entry place) { return (Function)api[place]; }

struct CustomOp {
    uint32_t version;
    void *(*create)(const CustomOp *, Api, const KernelInfo *);
    const char *(*name)(const CustomOp *);
    const char *(*provider)(const CustomOp *);
    int (*input_type)(const CustomOp *, size_t);
    size_t (*inputs)(const CustomOp *);
    int (*output_type)(const CustomOp *, size_t);
    size_t (*outputs)(const CustomOp *);
    void (*compute)(void *, KernelContext *);
    void (*destroy)(void *);
    int (*input_kind)(const CustomOp *, size_t);   // 0: required
    int (*output_kind)(const CustomOp *, size_t);
    void *later[24];  // entries of later versions, which a runtime does not read at this one
};

// The engine's own pool of threads, where its version lends it: whose call it is stands in the thread that runs it.
Api pool_api;
__thread KernelContext *context_here;

struct Batch {
    void (*function)(void *);
    void *argument;
};

void run_one(void *batch, size_t) { ((Batch *)batch)->function(((Batch *)batch)->argument); }

void in_pool(void (*function)(void *), void *argument, unsigned threads, unsigned) {
    Batch batch = {function, argument};
    typedef Status *(*ParallelFor)(const KernelContext *, void (*)(void *, size_t), size_t, size_t, void *);
    if (entry<ParallelFor>(pool_api, PARALLEL_FOR)(context_here, run_one, threads, threads, &batch)) function(argument);
}

struct Kernel {
    Api api;
    int threads;
    pthread_mutex_t lock;  // a session may run the same node from several threads
    Layer *layer;
};

int64_t attribute(Api api, const KernelInfo *info, const char *name, int64_t otherwise) {
    int64_t value = otherwise;
    typedef Status *(*Get)(const KernelInfo *, const char *, int64_t *);
    return entry<Get>(api, INT64_ATTRIBUTE)(info, name, &value) ? otherwise : value;
}

void *create(const CustomOp *, Api api, const KernelInfo *info) {
    Kernel *kernel = (Kernel *)calloc(1, sizeof(Kernel));
    if (!kernel) return 0;
    kernel->api = api;
    // How many threads the pool has is not told. More shares than threads do no harm: they are taken one by one.
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const int most = processors < 1 ? 1 : processors > MOST_SHARES ? MOST_SHARES : (int)processors;
    kernel->threads = pool_api ? most : (int)attribute(api, info, "threads", 1);
    pthread_mutex_init(&kernel->lock, 0);
    return kernel;
}

void destroy(void *pointer) {
    Kernel *kernel = (Kernel *)pointer;
    layer_free(kernel->layer);
    pthread_mutex_destroy(&kernel->lock);
    free(kernel);
}

// At this version an operator has no way to report a failure; what it cannot compute it leaves as not a number.
void fill_nan(float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = __builtin_nanf("");
}

void compute(void *pointer, KernelContext *context) {
    Kernel *kernel = (Kernel *)pointer;
    Api api = kernel->api;
    const Value *x = 0, *threshold = 0;
    typedef Status *(*Input)(const KernelContext *, size_t, const Value **);
    if (entry<Input>(api, CONTEXT_INPUT)(context, 0, &x) || entry<Input>(api, CONTEXT_INPUT)(context, 1, &threshold))
        return;
    ShapeInfo *shape = 0;
    typedef Status *(*Shape)(const Value *, ShapeInfo **);
    if (entry<Shape>(api, TENSOR_SHAPE)(x, &shape)) return;
    size_t rank = 0;
    int64_t sizes[8] = {0};
    typedef Status *(*Rank)(const ShapeInfo *, size_t *);
    typedef Status *(*Sizes)(const ShapeInfo *, int64_t *, size_t);
    Status *bad = entry<Rank>(api, DIMENSIONS_COUNT)(shape, &rank);
    if (!bad && rank >= 2 && rank <= 8) bad = entry<Sizes>(api, DIMENSIONS)(shape, sizes, rank);
    entry<void (*)(ShapeInfo *)>(api, RELEASE_SHAPE)(shape);
    if (bad || rank < 2 || rank > 8) return;
    int64_t pixels = 1;
    for (size_t k = 2; k < rank; k++) pixels *= sizes[k];
    Value *y = 0;
    typedef Status *(*Output)(KernelContext *, size_t, const int64_t *, size_t, Value **);
    if (entry<Output>(api, CONTEXT_OUTPUT)(context, 0, sizes, rank, &y)) return;
    typedef Status *(*Data)(Value *, void **);
    void *from = 0, *to = 0, *table = 0;
    if (entry<Data>(api, TENSOR_DATA)((Value *)x, &from) || entry<Data>(api, TENSOR_DATA)(y, &to) ||
        entry<Data>(api, TENSOR_DATA)((Value *)threshold, &table))
        return;
    const int64_t images = sizes[0], channels = sizes[1], count = images * channels * pixels;
    if (count == 0) return;
    bool good = channels >= 2 && (channels & (channels - 1)) == 0;
    if (good) {
        pthread_mutex_lock(&kernel->lock);
        if (!layer_is(kernel->layer, images, channels, pixels, pixels, pixels, kernel->threads)) {
            layer_free(kernel->layer);
            kernel->layer = layer_make(images, channels, pixels, pixels, pixels, kernel->threads);
        }
        context_here = context;
        good = kernel->layer && layer_run(kernel->layer, (const float *)from, (float *)to, (const float *)table) == 0;
        pthread_mutex_unlock(&kernel->lock);
    }
    if (!good) fill_nan((float *)to, count);
}

const char *name(const CustomOp *) { return "EdgeWht1d"; }
const char *provider(const CustomOp *) { return 0; }  // the CPU
int type(const CustomOp *, size_t) { return FLOAT; }
size_t two(const CustomOp *) { return 2; }
size_t one(const CustomOp *) { return 1; }
int required(const CustomOp *, size_t) { return 0; }

CustomOp operation = {API_VERSION, create, name, provider, type, two, type, one, compute, destroy, required, required, {0}};

}  // namespace

extern "C" __attribute__((visibility("default"))) Status *RegisterCustomOps(SessionOptions *options, const ApiBase *base) {
    Api api = base->get_api(API_VERSION);
    if (!api) return 0;  // older than 1.8; the session then says that it does not know the operator
    pool_api = base->get_api(POOL_VERSION);
    if (pool_api) wht_set_pool((void *)in_pool);
    Domain *domain = 0;
    if (Status *bad = entry<Status *(*)(const char *, Domain **)>(api, CREATE_DOMAIN)("edge_transforms", &domain)) return bad;
    if (Status *bad = entry<Status *(*)(Domain *, const CustomOp *)>(api, DOMAIN_ADD)(domain, &operation)) return bad;
    return entry<Status *(*)(SessionOptions *, Domain *)>(api, ADD_DOMAIN)(options, domain);
}
