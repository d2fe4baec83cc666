"""The fused Walsh-Hadamard layer on CUDA devices: one kernel source, compiled on first use, no torch headers.

:mod:`suites.kernels.cuda.launch` runs it; torch is imported there, not here.
"""
