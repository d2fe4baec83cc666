// The code of every group for tiles of two vectors.
#include "stages.h"

bool set_stages_two(Group *group) { return set_stages<2>(group); }
