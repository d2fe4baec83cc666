// The layers for LiteRT and TFLite: an external delegate that takes the custom operators EdgeWht1d and EdgeWht2d.
//
// Inputs x (N, H, W, C) and threshold (C); EdgeWht2d's is (S, S), and so is its weight, where it has one. The structures
// are the public C ones, whose order has not changed from tflite-runtime 2.7 to LiteRT 2.3; what stands behind the last
// field used is left out.
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

const char *const NAMES[] = {"EdgeWht1d", "EdgeWht2d"};
const int MOST_NODES = 64, NONE = -1;

// What a delegated part of the graph holds: its nodes one after the other, each with the tensors it reads and writes.
struct Part {
    int count, threads;
    struct Step {
        bool planes;  // EdgeWht2d
        int x, threshold, scale, y;
        Layer *layer;
    } steps[MOST_NODES];
};

// Which of NAMES a node is, or NONE.
int kind_of(const Node *node, const Registration *registration) {
    if (registration->builtin_code != CUSTOM_CODE || !registration->custom_name || node->outputs->size != 1) return NONE;
    for (int kind = 0; kind < 2; kind++)
        if (strcmp(registration->custom_name, NAMES[kind]) == 0)
            return node->inputs->size == 2 || (kind && node->inputs->size == 3) ? kind : NONE;
    return NONE;
}

void *init(Context *context, const char *buffer, size_t) {
    const DelegateParams *params = (const DelegateParams *)buffer;
    Part *part = (Part *)calloc(1, sizeof(Part));
    if (!part) return 0;
    part->threads = (int)(intptr_t)params->delegate->data;
    for (int k = 0; k < params->nodes->size && k < MOST_NODES; k++) {
        Node *node;
        Registration *registration;
        if (context->get_node(context, params->nodes->data[k], &node, &registration)) continue;
        const int *inputs = node->inputs->data;
        Part::Step step = {kind_of(node, registration) == 1, inputs[0], inputs[1],
                           node->inputs->size > 2 ? inputs[2] : NONE, node->outputs->data[0], 0};
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

// What a step works on, as far as its tensors tell; a problem in words, or null.
const char *shape_of(const Context *context, const Part::Step &step, int64_t threads, LayerShape *shape) {
    const Tensor &x = context->tensors[step.x], &threshold = context->tensors[step.threshold];
    const int rank = x.dims->size, *sizes = x.dims->data;
    if (x.type != FLOAT32_TYPE || threshold.type != FLOAT32_TYPE) return "EdgeWht1d and EdgeWht2d take float32";
    if (step.planes ? rank != 4 : rank < 2) return "EdgeWht1d and EdgeWht2d take (N, H, W, C)";
    int64_t before = 1;
    for (int k = 0; k + 3 < rank; k++) before *= sizes[k];
    *shape = LayerShape();
    shape->images = before;
    shape->height = rank > 2 ? sizes[rank - 3] : 1;
    shape->width = sizes[rank - 2];
    shape->channels = sizes[rank - 1];
    shape->channels_last = 1;
    shape->threads = threads;
    if (step.planes) {
        const bool square = threshold.dims->size == 2 && threshold.dims->data[0] == threshold.dims->data[1];
        shape->size = square ? threshold.dims->data[0] : -1;  // -1: no power of two
        const Tensor &scale = context->tensors[step.scale == NONE ? step.threshold : step.scale];
        if (scale.type != FLOAT32_TYPE || scale.bytes != threshold.bytes)
            return "EdgeWht2d takes as many weights as thresholds, float32";
    } else if (threshold.bytes != shape->channels * sizeof(float)) {
        return "EdgeWht1d takes one threshold for each channel";
    }
    return layer_problem(*shape);
}

int prepare(Context *context, Node *node) {
    Part *part = (Part *)node->user_data;
    if (!part) return FAILED;
    if (!part->threads) part->threads = context->recommended_num_threads;
    for (int k = 0; k < part->count; k++) {
        const Part::Step &step = part->steps[k];
        LayerShape shape;
        if (const char *problem = shape_of(context, step, 1, &shape)) {
            context->report_error(context, "%s", problem);
            return FAILED;
        }
        IntArray *sizes = copy_of(context->tensors[step.x].dims);
        if (!sizes || context->resize_tensor(context, &context->tensors[step.y], sizes)) return FAILED;
    }
    return OK;
}

int invoke(Context *context, Node *node) {
    Part *part = (Part *)node->user_data;
    const Tensor *tensors = context->tensors;
    for (int k = 0; k < part->count; k++) {
        Part::Step &step = part->steps[k];
        LayerShape shape;
        if (shape_of(context, step, part->threads > 0 ? part->threads : 1, &shape)) return FAILED;
        if (tensors[step.x].bytes == 0) continue;
        step.layer = layer_for(step.layer, shape);
        const float *scale = step.scale == NONE ? 0 : (const float *)tensors[step.scale].data;
        if (!step.layer || layer_run(step.layer, (const float *)tensors[step.x].data, (float *)tensors[step.y].data,
                                     (const float *)tensors[step.threshold].data, scale)) {
            context->report_error(context, "no memory for %s", NAMES[step.planes]);
            return FAILED;
        }
    }
    return OK;
}

const char *described(const Context *, const Node *) { return "EdgeWht"; }

int take_nodes(Context *context, Delegate *delegate) {
    IntArray *plan;
    if (context->get_execution_plan(context, &plan)) return FAILED;
    IntArray *mine = (IntArray *)calloc(1 + (size_t)plan->size, sizeof(int));
    if (!mine) return FAILED;
    for (int k = 0; k < plan->size && mine->size < MOST_NODES; k++) {
        Node *node;
        Registration *registration;
        if (context->get_node(context, plan->data[k], &node, &registration)) continue;
        if (kind_of(node, registration) != NONE) mine->data[mine->size++] = plan->data[k];
    }
    Registration kernel = {init, release, prepare, invoke, described, DELEGATE_CODE, "EdgeWht", 1, 0, 0, 0};
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
