// Forward of the fused layer along a strided axis.
#include "strided.h"

Work strided_forward_of(int64_t dtype) {
    return dtype == FLOAT32 ? strided_forward<float> : dtype == BFLOAT16 ? strided_forward<bf16> : strided_forward<fp16>;
}
