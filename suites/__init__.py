"""WHAT we measure: layers, kernels, networks, and one file per suite."""
