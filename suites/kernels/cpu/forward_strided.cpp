// Forward of the fused layer along a strided axis.
#include "strided.h"

Work strided_forward_work() { return strided_forward<Element>; }
