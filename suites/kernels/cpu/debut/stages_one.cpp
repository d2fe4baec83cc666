// The code of every group for tiles of one vector.
#include "stages.h"

bool set_stages_one(Group *group) { return set_stages<1>(group); }
