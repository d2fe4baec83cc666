"""The fused Walsh-Hadamard layer on CUDA devices."""
