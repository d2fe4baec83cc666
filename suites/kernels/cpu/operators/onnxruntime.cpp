// The layers as custom operators of ONNX Runtime: edge_transforms.EdgeWht1d(x: N, C, H, W; threshold: C) and
// EdgeWht2d(x; threshold: S, S; weight: S, S, or left out).
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
const int FLOAT = 1, REQUIRED = 0, OPTIONAL = 1, MOST_RANK = 8;

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
    INPUTS_COUNT = 88,
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
    int (*input_kind)(const CustomOp *, size_t);   // REQUIRED or OPTIONAL
    int (*output_kind)(const CustomOp *, size_t);
    void *later[24];  // entries of later versions, which a runtime does not read at this one
    bool planes;      // the operator's own: the 2-D layer
};

// The engine's own pool of threads, where its version lends it: whose call it is stands in the thread that runs it.
Api pool_api;
__thread KernelContext *context_here;

// Versions before that lend an operator no thread and do not tell how many they have: then it works with so many of its
// own, as edge_own_threads was told last before its session was made.
int own_threads = 1;

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
    bool planes;
    int threads;
    pthread_mutex_t lock;  // a session may run the same node from several threads
    Layer *layer;
};

int at_most_shares(long threads) { return threads < 1 ? 1 : threads > MOST_SHARES ? MOST_SHARES : (int)threads; }

void *create(const CustomOp *operation, Api api, const KernelInfo *) {
    Kernel *kernel = (Kernel *)calloc(1, sizeof(Kernel));
    if (!kernel) return 0;
    kernel->api = api;
    kernel->planes = operation->planes;
    // How many threads the pool has is not told. More shares than threads do no harm: they are taken one by one.
    const bool all = pool_api || own_threads < 1;
    kernel->threads = at_most_shares(all ? sysconf(_SC_NPROCESSORS_ONLN) : own_threads);
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

// A tensor's memory and sizes; rank 0: it is not there, or nothing can be told of it.
struct Tensor {
    float *data;
    int64_t sizes[MOST_RANK];
    size_t rank;

    int64_t count() const {
        int64_t product = 1;
        for (size_t k = 0; k < rank; k++) product *= sizes[k];
        return product;
    }
};

Tensor tensor_of(Api api, Value *value) {
    Tensor tensor = {};
    ShapeInfo *info = 0;
    typedef Status *(*Data)(Value *, void **);
    typedef Status *(*Shape)(const Value *, ShapeInfo **);
    typedef Status *(*Rank)(const ShapeInfo *, size_t *);
    typedef Status *(*Sizes)(const ShapeInfo *, int64_t *, size_t);
    if (!value || entry<Data>(api, TENSOR_DATA)(value, (void **)&tensor.data)) return tensor;
    if (entry<Shape>(api, TENSOR_SHAPE)(value, &info)) return tensor;
    size_t rank = 0;
    if (!entry<Rank>(api, DIMENSIONS_COUNT)(info, &rank) && rank <= MOST_RANK &&
        !entry<Sizes>(api, DIMENSIONS)(info, tensor.sizes, rank))
        tensor.rank = rank;
    entry<void (*)(ShapeInfo *)>(api, RELEASE_SHAPE)(info);
    return tensor;
}

Tensor input(Api api, const KernelContext *context, size_t index) {
    size_t count = 0;
    const Value *value = 0;
    typedef Status *(*Count)(const KernelContext *, size_t *);
    typedef Status *(*Input)(const KernelContext *, size_t, const Value **);
    if (entry<Count>(api, INPUTS_COUNT)(context, &count) || index >= count ||
        entry<Input>(api, CONTEXT_INPUT)(context, index, &value))
        return Tensor();
    return tensor_of(api, (Value *)value);
}

bool fits(const Kernel *kernel, const LayerShape &shape, const Tensor &threshold, const Tensor &scale) {
    if (layer_problem(shape)) return false;
    if (!kernel->planes) return threshold.count() == shape.channels;
    return threshold.sizes[1] == shape.size && (!scale.data || scale.count() == threshold.count());
}

void compute(void *pointer, KernelContext *context) {
    Kernel *kernel = (Kernel *)pointer;
    Api api = kernel->api;
    const Tensor x = input(api, context, 0), threshold = input(api, context, 1);
    const Tensor scale = kernel->planes ? input(api, context, 2) : Tensor();
    Value *result = 0;
    typedef Status *(*Output)(KernelContext *, size_t, const int64_t *, size_t, Value **);
    if (x.rank < 2 || entry<Output>(api, CONTEXT_OUTPUT)(context, 0, x.sizes, x.rank, &result)) return;
    const Tensor y = tensor_of(api, result);
    if (!y.data || x.count() == 0) return;
    LayerShape shape = {};
    shape.images = x.sizes[0];
    shape.channels = x.sizes[1];
    shape.height = x.rank > 2 ? x.sizes[2] : 1;
    shape.width = 1;
    for (size_t k = 3; k < x.rank; k++) shape.width *= x.sizes[k];
    if (kernel->planes) shape.size = x.rank == 4 && threshold.rank == 2 ? threshold.sizes[0] : -1;  // -1: no power of two
    shape.x_step = shape.y_step = shape.height * shape.width;
    shape.threads = kernel->threads;
    bool good = fits(kernel, shape, threshold, scale);
    if (good) {
        pthread_mutex_lock(&kernel->lock);
        kernel->layer = layer_for(kernel->layer, shape);
        context_here = context;
        good = kernel->layer && layer_run(kernel->layer, x.data, y.data, threshold.data, scale.data) == 0;
        pthread_mutex_unlock(&kernel->lock);
    }
    if (!good) fill_nan(y.data, y.count());
}

const char *name(const CustomOp *operation) { return operation->planes ? "EdgeWht2d" : "EdgeWht1d"; }
const char *provider(const CustomOp *) { return 0; }  // the CPU
int type(const CustomOp *, size_t) { return FLOAT; }
size_t inputs(const CustomOp *operation) { return operation->planes ? 3 : 2; }
size_t one(const CustomOp *) { return 1; }
int input_kind(const CustomOp *, size_t index) { return index < 2 ? REQUIRED : OPTIONAL; }
int required(const CustomOp *, size_t) { return REQUIRED; }

CustomOp operations[] = {
    {API_VERSION, create, name, provider, type, inputs, type, one, compute, destroy, input_kind, required, {0}, false},
    {API_VERSION, create, name, provider, type, inputs, type, one, compute, destroy, input_kind, required, {0}, true},
};

}  // namespace

// For versions that lend no threads (before 1.17), before a session is made: how many it has; 0: one on each processor.
extern "C" __attribute__((visibility("default"))) void edge_own_threads(int threads) { own_threads = threads; }

extern "C" __attribute__((visibility("default"))) Status *RegisterCustomOps(SessionOptions *options, const ApiBase *base) {
    Api api = base->get_api(API_VERSION);
    if (!api) return 0;  // older than 1.8; the session then says that it does not know the operator
    pool_api = base->get_api(POOL_VERSION);
    if (pool_api) wht_set_pool((void *)in_pool);
    Domain *domain = 0;
    if (Status *bad = entry<Status *(*)(const char *, Domain **)>(api, CREATE_DOMAIN)("edge_transforms", &domain)) return bad;
    for (const CustomOp &operation : operations)
        if (Status *bad = entry<Status *(*)(Domain *, const CustomOp *)>(api, DOMAIN_ADD)(domain, &operation)) return bad;
    return entry<Status *(*)(SessionOptions *, Domain *)>(api, ADD_DOMAIN)(options, domain);
}
