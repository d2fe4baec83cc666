"""The CPU kernels' benchmark: ``python -m suites.kernels.bench``."""
