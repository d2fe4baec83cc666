"""What the makers of graphs that run before any tensor is there ask of a layer."""

from typing import Any

from suites.layers.choices import check_floating


class OneStep:
    """For a module that decides by its input: a whole step of a symbolic graph, and nothing for TorchScript.

    ``torch.fx.symbolic_trace`` goes into every module but torch's own and hands it a value without a shape. The layer
    then answers with a call of itself.
    """

    def _step(self, x: Any) -> Any:
        """Return the layer's step in the graph that ``x`` is a value of, given an ``x`` of no type that it takes.

        Raises ``TypeError`` for a tensor, ``ValueError`` if the graph would be this layer alone.
        """
        from torch import fx

        if not isinstance(x, fx.Proxy):
            return self._refuse(x)
        for node in list(x.node.users):  # what was asked of x on the way here, no part of the layer
            if node.op == "call_method" and node.target == "is_floating_point" and not node.users:
                x.tracer.graph.erase_node(node)
        name = x.tracer.path_of_module(self)  # type: ignore[attr-defined]
        if not name:
            raise ValueError("a graph of {} alone would be a call of itself: wrap it, nn.Sequential(layer)".format(
                type(self).__name__))
        return x.tracer.create_proxy("call_module", name, (x,), {})

    def _refuse(self, x: Any) -> Any:
        """Raise ``TypeError`` for ``x``."""
        check_floating(x, type(self).__name__)

    def __prepare_scriptable__(self) -> Any:
        raise RuntimeError("torch.jit.script cannot compile {}, which chooses its form in Python: use "
                           "torch.jit.trace or torch.export on the network".format(type(self).__name__))
