"""Learnable heterogeneous convolution (arXiv 2301.05440)."""

from suites.layers.lhc.frozen import FrozenLhcConv2d
from suites.layers.lhc.layer import LhcConv2d
from suites.layers.lhc.masks import free_mask, rigid_choice, rigid_shapes
from suites.layers.lhc.training import DensityLoss, densities, draw_masks, freeze, lhc_layers, set_stage, warm_up

__all__ = ["DensityLoss", "FrozenLhcConv2d", "LhcConv2d", "densities", "draw_masks", "free_mask", "freeze",
           "lhc_layers", "rigid_choice", "rigid_shapes", "set_stage", "warm_up"]
