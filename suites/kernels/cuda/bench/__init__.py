"""Times the fused CUDA layer against a copy of the same bytes and the convolutions it replaces."""
