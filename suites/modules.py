"""A suite of your own in ten lines: any ``torch.nn.Module`` against any other on one input shape.

    from torch import nn
    from suites import modules
    from suites.layers import WalshHadamard1d

    SUITE = modules.suite(
        "mine", input_shape=(10, 256, 14, 14),
        baseline=("conv1x1", lambda: nn.Conv2d(256, 256, 1)),
        rivals={"walsh-hadamard": lambda: WalshHadamard1d(256, 256)})

Run it with ``./run_bench.sh run my_suite.py``.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from harness.plan import Case, Comparison, Subject, Target

Factory = Callable[[], Any]


class ModuleSuite(NamedTuple):
    """What :func:`suite` makes; ``factories`` build the modules in the worker that needs them."""

    name: str
    summary: str
    input_shape: Tuple[int, ...]
    dtype: str
    memory_format: str
    factories: Dict[str, Factory]
    references: Dict[str, Callable[[Any], Any]]
    baseline: str
    tf32: Tuple[str, ...] = ()

    def comparisons(self, target: Target, path: str) -> List[Comparison]:
        """Return the one comparison of this suite, whose file is ``path``, for ``target``."""
        def case(name: str) -> Case:
            return Case(layer=name, implementation="", builder="suites.modules:build", shape=self.input_shape,
                        dtype=self.dtype, memory_format=self.memory_format, device=target.device,
                        threads=target.threads,
                        options=(("entry", name), ("file", path)) + ((("tf32", True),) if name in self.tf32 else ()))

        rivals = tuple(case(name) for name in self.factories if name != self.baseline)
        return [Comparison(self.name, self.summary, case(self.baseline), rivals)]


def suite(name: str, input_shape: Sequence[int], baseline: Tuple[str, Factory], rivals: Dict[str, Factory],
          summary: str = "", dtype: str = "float32", memory_format: str = "contiguous",
          references: Optional[Dict[str, Callable[[Any], Any]]] = None,
          tf32: Sequence[str] = ()) -> ModuleSuite:
    """Return a suite that times each of ``rivals`` against ``baseline``.

    ``input_shape`` is the whole input, batch first. ``references`` maps a name to a function from a float64
    input to the right float64 output, computed in another way; without one the layer is timed unchecked and
    the report says so. ``tf32`` names the entries whose float32 products may use TF32 on a GPU, which the others
    never do, whatever torch's own default. Raises ``ValueError`` if there is no rival, a name stands twice or
    ``tf32`` names no entry.
    """
    if not rivals or baseline[0] in rivals:
        raise ValueError("suite '{}' needs at least one rival, each with a name of its own".format(name))
    factories = dict([baseline], **rivals)
    unknown = [entry for entry in tf32 if entry not in factories]
    if unknown:
        raise ValueError("suite '{}' allows TF32 for '{}', which is none of its entries: {}".format(
            name, unknown[0], ", ".join(factories)))
    told = summary or "{}, {}".format(name, "x".join(map(str, input_shape)))
    return ModuleSuite(name, told, tuple(input_shape), dtype, memory_format, factories, references or {}, baseline[0],
                       tuple(tf32))


def build(case: Case, x: Any) -> Subject:
    """Build the module that ``case`` names in its file: evaluation mode, seeded weights, no gradients."""
    import torch

    from suites.builders.subject import TF32_TOLERANCE, with_tf32
    from suites.user_file import load_file

    options = dict(case.options)
    found: ModuleSuite = load_file(options["file"]).SUITE
    torch.manual_seed(0)
    module = found.factories[options["entry"]]().to(x.device, x.dtype).eval()
    if case.memory_format == "channels_last":
        module = module.to(memory_format=torch.channels_last)
    reference = found.references.get(options["entry"])

    def call() -> Any:
        with torch.no_grad():
            return module(x)

    tf32 = bool(options.get("tf32", False))
    return Subject(call=with_tf32(call, tf32) if case.device == "cuda" else call, reference=reference,
                   tolerance=TF32_TOLERANCE if tf32 else None,
                   reference_reason=None if reference else "its file gives no reference for it",
                   implementation=getattr(module, "implementation", type(module).__name__),
                   reason=getattr(module, "implementation_reason", None),
                   parameters=sum(one.numel() for one in module.parameters()))
