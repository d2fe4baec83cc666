"""What a worker imports to make a case's layer: functions ``builder(case, x) -> Subject``. Imports torch.

Every module of this package takes a :class:`harness.plan.Case` and its input tensor, makes the layer with
seeded weights in the input's dtype, device and memory format, and counts parameters and multiply-accumulates by
rule. References are computed in float64 by another route than the layer's own (``dense.py``).
"""
