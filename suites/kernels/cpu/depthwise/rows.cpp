#include "by_rows.h"

Work rows_of(int64_t member) {
    switch (member) {
        case PRODUCT: return rows_work<Product, Product>;
        case SUM: return rows_work<Sum, Sum>;
        case MINIMUM: return rows_work<FastMinimum, Minimum>;
        default: return rows_work<Match, Match>;
    }
}
