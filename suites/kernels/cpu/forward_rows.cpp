// Forward of the fused layer along contiguous rows.
#include "rows.h"

Work rows_forward_of(int64_t dtype) {
    return dtype == FLOAT32 ? rows_forward<float> : dtype == BFLOAT16 ? rows_forward<bf16> : rows_forward<fp16>;
}
