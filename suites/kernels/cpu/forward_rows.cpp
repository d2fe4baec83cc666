// Forward of the fused layer along contiguous rows.
#include "rows.h"

Work rows_forward_work() { return rows_forward<Element>; }
