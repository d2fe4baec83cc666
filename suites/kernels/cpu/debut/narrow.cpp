// Few positions: features in lanes.
#include "narrow_walk.h"

void narrow_units(void *context, int64_t begin, int64_t end);

template <class T>
static void narrow_tile(NarrowTile &tile, const Call &call, int64_t image, int64_t images, float *stage, float *room) {
    const Plan &plan = *tile.plan;
    const Narrow &n = *tile.narrow;
    tile.positions = images * plan.plane;
    // Where positions are pixels, a row of the stage has as many.
    tile.pixels = plan.columns ? tile.positions : (plan.reach && !n.direct ? plan.tile_images : images) * plan.g.height * plan.g.width;
    const T *x = (const T *)call.x + image * plan.g.x_image;
    tile.stage = n.direct ? direct_stage(plan, x, images, stage) : stage;
    if (plan.columns) narrow_columns(tile, x, images, room, stage);
    else if (!n.direct) narrow_fill(tile, x, images, stage);
    narrow_walk(tile, plan.chain->count - 1, 0, tile.out);
    narrow_empty(tile, (T *)call.y + image * plan.y_plane * plan.g.out_features);
}

// Units are the plan's tiles of images.
void narrow_units(void *context, int64_t begin, int64_t end) {
    Call &call = *(Call *)context;
    const Plan &plan = *call.plan;
    const Narrow &n = call.given ? plan.given : plan.narrow;
    const int64_t row = plan.tile_images * plan.plane * VL, image_pixels = plan.g.height * plan.g.width;
    const int64_t pixels = plan.tile_images * (plan.columns ? plan.plane : image_pixels);
    const int64_t stage = n.groups * stage_channels(plan) * pixels * VL;  // direct: less
    const int64_t room = plan.columns ? plan.chain->inputs / plan.taps * (plan.taps + image_pixels) : 0;
    const int64_t head = larger(n.head_rows * row, pixels * VL);
    const int64_t rows = 2 * n.base_rows + n.rows + plan.chain->outputs / VL;
    float *memory = arena(SCRATCH, (stage + 2 * head + rows * row + room) * sizeof(float));
    if (!memory) {
        __atomic_store_n(&call.failed, 1, __ATOMIC_RELAXED);
        return;
    }
    NarrowTile tile;
    tile.plan = &plan;
    tile.narrow = &n;
    tile.packed = call.packed;
    tile.head[0] = memory + stage;
    tile.head[1] = tile.head[0] + head;
    tile.base[0] = tile.head[1] + head;
    tile.base[1] = tile.base[0] + n.base_rows * row;
    tile.rows = tile.base[1] + n.base_rows * row;
    tile.out = tile.rows + n.rows * row;
    float *columns = tile.out + plan.chain->outputs / VL * row;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t image = unit * plan.tile_images, left = plan.g.images - image;
        const int64_t images = left < plan.tile_images ? left : plan.tile_images;
        if (plan.g.dtype == FLOAT32) narrow_tile<float>(tile, call, image, images, memory, columns);
        else if (plan.g.dtype == BFLOAT16) narrow_tile<bf16>(tile, call, image, images, memory, columns);
        else narrow_tile<fp16>(tile, call, image, images, memory, columns);
    }
}
