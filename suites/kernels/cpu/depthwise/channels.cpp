#include "by_channels.h"

template <class T> static Work work_of(int64_t member) {
    switch (member) {
        case PRODUCT: return channels_work<Product, Product, T>;
        case SUM: return channels_work<Sum, Sum, T>;
        case MINIMUM: return channels_work<FastMinimum, Minimum, T>;
        default: return channels_work<Match, Match, T>;
    }
}

Work channels_of(int64_t member, int64_t element) {
    return element == FLOAT32 ? work_of<float>(member) : element == BFLOAT16 ? work_of<bf16>(member) : work_of<fp16>(member);
}
