// The 1-D layer for LiteRT and TFLite: an external delegate that takes the custom operators named EdgeWht1d.
//
// Inputs x (N, H, W, C) and threshold (C). The structures are the public C ones, whose order has not changed from
// tflite-runtime 2.7 to LiteRT 2.3; what stands behind the last field used is left out.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "operators/layer.h"

namespace {

enum { OK = 0, FAILED = 1, ALLOW_DYNAMIC_TENSORS = 1, CUSTOM_CODE = 32, DELEGATE_CODE = 51, FLOAT32_TYPE = 1 };

struct IntArray {
    int size;
    int data[1];
};
struct Quantization {
    int kind;
    void *params;
};
struct Delegate;
struct Context;
struct Tensor {
    int type;
    void *data;
    IntArray *dims;
    float scale;
    int32_t zero_point;
    int allocation_type;
    size_t bytes;
    const void *allocation;
    const char *name;
    Delegate *delegate;
    int buffer_handle;
    bool data_is_stale, is_variable;
    Quantization quantization;
    void *sparsity;
    const IntArray *dims_signature;
};
struct Node {
    IntArray *inputs, *outputs, *intermediates, *temporaries;
    void *user_data, *builtin_data;
};
struct Registration {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling_string)(const Context *, const Node *);
    int32_t builtin_code;
    const char *custom_name;
    int version;
    void *registration_external;
    void *async_kernel;
    uint64_t inplace_operator;
};
struct Context {
    size_t tensors_size;
    int (*get_execution_plan)(Context *, IntArray **);
    Tensor *tensors;
    void *implementation;
    int (*resize_tensor)(Context *, Tensor *, IntArray *);
    void (*report_error)(Context *, const char *, ...);
    int (*add_tensors)(Context *, int, int *);
    int (*get_node)(Context *, int, Node **, Registration **);
    int (*replace)(Context *, Registration, const IntArray *, Delegate *);
    int recommended_num_threads;
};
struct DelegateParams {
    Delegate *delegate;
    IntArray *nodes, *inputs, *outputs;
};
struct Delegate {
    void *data;
    int (*prepare)(Context *, Delegate *);
    void *copy_from, *copy_to, *free_handle;
    int64_t flags;
    void *opaque_builder;
};

const char *const NAME = "EdgeWht1d";
const int MOST_NODES = 64;

// What a delegated part of the graph holds: its nodes one after the other, each with the tensors it reads and writes.
struct Part {
    int count, threads;
    struct Step {
        int x, threshold, y;
        Layer *layer;
    } steps[MOST_NODES];
};

void *init(Context *context, const char *buffer, size_t) {
    const DelegateParams *params = (const DelegateParams *)buffer;
    Part *part = (Part *)calloc(1, sizeof(Part));
    if (!part) return 0;
    part->threads = (int)(intptr_t)params->delegate->data;
    for (int k = 0; k < params->nodes->size && k < MOST_NODES; k++) {
        Node *node;
        Registration *registration;
        if (context->get_node(context, params->nodes->data[k], &node, &registration)) continue;
        Part::Step step = {node->inputs->data[0], node->inputs->data[1], node->outputs->data[0], 0};
        part->steps[part->count++] = step;
    }
    return part;
}

void release(Context *, void *pointer) {
    Part *part = (Part *)pointer;
    if (!part) return;
    for (int k = 0; k < part->count; k++) layer_free(part->steps[k].layer);
    free(part);
}

IntArray *copy_of(const IntArray *array) {
    const size_t bytes = sizeof(int) * (1 + (size_t)array->size);
    IntArray *copy = (IntArray *)malloc(bytes);
    if (copy) memcpy(copy, array, bytes);
    return copy;
}

int prepare(Context *context, Node *node) {
    Part *part = (Part *)node->user_data;
    if (!part) return FAILED;
    if (!part->threads) part->threads = context->recommended_num_threads;
    for (int k = 0; k < part->count; k++) {
        const Part::Step &step = part->steps[k];
        const Tensor &x = context->tensors[step.x], &threshold = context->tensors[step.threshold];
        const int rank = x.dims->size;
        const int channels = rank ? x.dims->data[rank - 1] : 0;
        if (x.type != FLOAT32_TYPE || threshold.type != FLOAT32_TYPE || rank < 2 || channels < 2 ||
            (channels & (channels - 1)) || threshold.bytes != channels * sizeof(float)) {
            context->report_error(context, "EdgeWht1d takes float32 (N, H, W, C) with C a power of two and C thresholds");
            return FAILED;
        }
        IntArray *sizes = copy_of(x.dims);
        if (!sizes || context->resize_tensor(context, &context->tensors[step.y], sizes)) return FAILED;
    }
    return OK;
}

int invoke(Context *context, Node *node) {
    Part *part = (Part *)node->user_data;
    const int threads = part->threads > 0 ? part->threads : 1;
    for (int k = 0; k < part->count; k++) {
        Part::Step &step = part->steps[k];
        const Tensor &x = context->tensors[step.x];
        const int64_t channels = x.dims->data[x.dims->size - 1], pixels = (int64_t)(x.bytes / sizeof(float)) / channels;
        if (pixels == 0) continue;
        if (!layer_is(step.layer, 1, channels, pixels, 1, 1, threads)) {
            layer_free(step.layer);
            step.layer = layer_make(1, channels, pixels, 1, 1, threads);
        }
        if (!step.layer || layer_run(step.layer, (const float *)x.data, (float *)context->tensors[step.y].data,
                                     (const float *)context->tensors[step.threshold].data)) {
            context->report_error(context, "no memory for EdgeWht1d");
            return FAILED;
        }
    }
    return OK;
}

const char *described(const Context *, const Node *) { return NAME; }

int take_nodes(Context *context, Delegate *delegate) {
    IntArray *plan;
    if (context->get_execution_plan(context, &plan)) return FAILED;
    IntArray *mine = (IntArray *)calloc(1 + (size_t)plan->size, sizeof(int));
    if (!mine) return FAILED;
    for (int k = 0; k < plan->size && mine->size < MOST_NODES; k++) {
        Node *node;
        Registration *registration;
        if (context->get_node(context, plan->data[k], &node, &registration)) continue;
        if (registration->builtin_code == CUSTOM_CODE && registration->custom_name &&
            strcmp(registration->custom_name, NAME) == 0 && node->inputs->size == 2 && node->outputs->size == 1)
            mine->data[mine->size++] = plan->data[k];
    }
    Registration kernel = {init, release, prepare, invoke, described, DELEGATE_CODE, NAME, 1, 0, 0, 0};
    const int status = mine->size ? context->replace(context, kernel, mine, delegate) : OK;
    free(mine);
    return status;
}

}  // namespace

extern "C" {
// Option "threads": how many; without it, as many as the interpreter recommends.
__attribute__((visibility("default"))) void *tflite_plugin_create_delegate(
    const char *const *keys, const char *const *values, size_t count, void (*)(const char *)) {
    Delegate *delegate = (Delegate *)calloc(1, sizeof(Delegate));
    if (!delegate) return 0;
    for (size_t k = 0; k < count; k++)
        if (strcmp(keys[k], "threads") == 0) delegate->data = (void *)(intptr_t)atoi(values[k]);
    delegate->prepare = take_nodes;
    delegate->flags = ALLOW_DYNAMIC_TENSORS;
    return delegate;
}

__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
}
