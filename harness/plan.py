"""What is to be measured, as plain data: cases, comparisons and suites.

Nothing here imports torch. A case names its builder as text (``package.module:function``); only a
worker process imports it, so listing and planning stay instant on a 4 GB board.
"""

import re
from functools import lru_cache
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

Options = Tuple[Tuple[str, Any], ...]


@lru_cache(maxsize=1 << 14)
def slug(text: str) -> str:
    """Return ``text`` as a lower-case word fit for a file name or a page anchor."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class Target(NamedTuple):
    """The machine a plan is made for: ``device`` is ``cpu`` or ``cuda``; ``threads`` is torch's setting."""

    device: str = "cpu"
    threads: int = 1


class Case(NamedTuple):
    """One thing to measure: layer, implementation, input and the way it is run.

    ``shape`` is the input as torch sees it (N, C, H, W). ``implementation`` is the form asked for; the
    record also holds the form that really ran. ``protocol`` is ``steady`` (the harness's own way) or
    ``published`` (batch 1 image by image, one thread, allocation inside the clock). ``version`` names the commit
    whose layers are run, empty for the project as it stands.
    """

    layer: str
    implementation: str
    builder: str
    shape: Tuple[int, ...]
    dtype: str = "float32"
    memory_format: str = "contiguous"
    device: str = "cpu"
    threads: int = 1
    mode: str = "inference"
    protocol: str = "steady"
    options: Options = ()
    version: str = ""

    @property
    def name(self) -> str:
        """Short name, unique inside its comparison."""
        return " ".join(filter(None, (self.layer, self.implementation, self.version)))

    @property
    def slug(self) -> str:
        """The name as one word."""
        return slug(self.name)

    @property
    def arithmetic(self) -> str:
        """The type of its products: ``dtype``, unless the options say ``tf32`` or name another ``arithmetic``."""
        options = dict(self.options)
        if options.get("tf32") and self.device == "cuda" and self.dtype == "float32":
            return "tf32"
        return str(options.get("arithmetic", self.dtype))

    @property
    def work(self) -> str:
        """Its input and the way it is run, which its name does not tell: suites of one's own change them."""
        return "{} {}, {}, {}".format("x".join(map(str, self.shape)), self.dtype, self.mode, self.protocol)

    def __str__(self) -> str:
        threads = ", {} thread{}".format(self.threads, "s" * (self.threads != 1)) if self.device == "cpu" else ""
        return "{} | {} {} {} | {}{} | {}, {}".format(
            self.name, "x".join(map(str, self.shape)), self.dtype, self.memory_format,
            self.device, threads, self.mode, self.protocol)


class Comparison(NamedTuple):
    """A baseline and the rivals that want to replace it, on the same input and seed.

    ``note`` is one sentence the report prints under the title, or an empty string. ``without`` names passes that
    would tell nothing of it. ``both_heaps`` has its memory measured on the heap of a user's own process as well.
    ``apart`` gives each case a process of its own in every pass, for what cannot share one; the rounds of the time
    pass then go round the processes. ``pairs`` has every launch play all cases to the end, so that any two of them
    can be held against each other: the fastest form of the baseline's layer, known only then, becomes the baseline.
    """

    id: str
    title: str
    baseline: Case
    rivals: Tuple[Case, ...]
    note: str = ""
    without: Tuple[str, ...] = ()
    both_heaps: bool = False
    apart: bool = False
    pairs: bool = False

    @property
    def cases(self) -> Tuple[Case, ...]:
        """The baseline, then the rivals."""
        return (self.baseline,) + self.rivals

    def case_id(self, case: Case) -> str:
        """Return the name of ``case`` that is unique in the whole run, ``comparison/case``."""
        return "{}/{}".format(self.id, case.slug)


class Goal(NamedTuple):
    """What a suite sets out to reach: ``case`` takes at most ``at_most`` times as long as the fastest of ``rivals``.

    All are ids (``comparison/case``). The rivals stand in one comparison, which is best that of ``case``: else both
    sides are timed apart, and only launches tell how much that matters.
    """

    case: str
    rivals: Tuple[str, ...]
    at_most: float


class Suite(NamedTuple):
    """A named list of comparisons; ``comparisons(target)`` makes them for one machine.

    ``quick(comparisons)`` returns the ones that ``--quick`` runs; ``None`` runs them all. ``goals(target)`` are
    recorded with the run and judged in its report. ``launches`` and ``budget_s`` are what a run of this suite takes
    where the user chooses neither them nor ``--quick``; ``None`` leaves them to the harness.
    """

    name: str
    summary: str
    comparisons: Callable[[Target], List[Comparison]]
    quick: Optional[Callable[[List[Comparison]], List[Comparison]]] = None
    goals: Optional[Callable[[Target], List[Goal]]] = None
    launches: Optional[int] = None
    budget_s: Optional[float] = None


class Subject(NamedTuple):
    """What a builder hands back in a worker: the thing to call and the means to check it.

    ``call()`` runs the case once and returns its output tensor (or a tuple of tensors).
    ``reference(x)`` computes the same in float64 by an independent dense route from a float64 batch
    ``x`` shaped like the input (any batch size); ``None`` with a ``reference_reason`` where there is none.
    ``tolerance`` is the allowed largest error relative to the reference's root mean square, ``None`` for
    the default of the dtype. ``implementation`` names what really runs, ``reason`` why it differs from
    what was asked for. ``parameters`` and ``macs`` (multiply-accumulates per call) are ``None`` if unknown;
    ``operations`` (per call, two for a multiply-accumulate) and ``bytes`` (that a call must move) are given where
    they do not follow from those, the input and the output.
    ``pinned`` holds options the builder found by trying (the fastest algorithm, say); the first build of a
    run finds them, and every later pass and launch gets them with its case. ``output()`` returns what the last call
    wrote where ``call()`` returns nothing: the check fetches it, and the clock does not see that.
    """

    call: Callable[[], Any]
    reference: Optional[Callable[[Any], Any]] = None
    reference_reason: Optional[str] = None
    tolerance: Optional[float] = None
    implementation: Optional[str] = None
    reason: Optional[str] = None
    parameters: Optional[int] = None
    macs: Optional[int] = None
    pinned: Options = ()
    output: Optional[Callable[[], Any]] = None
    operations: Optional[int] = None
    bytes: Optional[int] = None


class UnavailableError(Exception):
    """What a builder raises where a case needs something that is not on this machine: no fault of the case's.

    ``reason`` and ``remedy`` are a clause each, or ``reason`` holds both.
    """

    def __init__(self, reason: str, remedy: Optional[str] = None) -> None:
        super(UnavailableError, self).__init__(reason if remedy is None else "{}; {}".format(reason, remedy))


def with_options(case: Case, options: Dict[str, Any]) -> Case:
    """Return ``case`` with ``options`` added to its own."""
    return case._replace(options=tuple(sorted(dict(case.options, **options).items())))


def check_comparison(comparison: Comparison) -> None:
    """Raise ``ValueError`` in one sentence if the cases of ``comparison`` cannot be run side by side."""
    seen: set = set()
    for case in comparison.cases:
        if (case.device, case.threads) != (comparison.baseline.device, comparison.baseline.threads):
            raise ValueError(
                "comparison '{}': case '{}' differs from the baseline in device or threads, but all cases of a "
                "comparison run in one process: make it a comparison of its own".format(comparison.id, case.name))
        if case.slug in seen:
            raise ValueError(
                "comparison '{}' has two cases named '{}': give them different layer or implementation "
                "names".format(comparison.id, case.name))
        seen.add(case.slug)


def case_to_dict(case: Case) -> Dict[str, Any]:
    """Return ``case`` as JSON-ready data."""
    data = dict(case._asdict())
    data["shape"] = list(case.shape)
    data["options"] = dict(case.options)
    if not case.version:
        del data["version"]
    return data


#: The fields of a case between its shape and its options, and what they are where nothing is said.
MANNER = Case._fields[4:10]
USUAL = tuple(map(Case._field_defaults.get, MANNER))


def case_from_dict(data: Dict[str, Any]) -> Case:
    """Read back what :func:`case_to_dict` wrote; fields added by later versions are ignored."""
    values: List[Any] = [data["layer"], data["implementation"], data["builder"], tuple(data["shape"])]
    values += map(data.get, MANNER, USUAL)
    values += (tuple(sorted(data.get("options", {}).items())), data.get("version", ""))
    return Case._make(values)


def comparison_to_dict(comparison: Comparison) -> Dict[str, Any]:
    """Return ``comparison`` as JSON-ready data."""
    return {"id": comparison.id, "title": comparison.title, "note": comparison.note,
            "baseline": case_to_dict(comparison.baseline),
            "rivals": [case_to_dict(case) for case in comparison.rivals],
            "without": list(comparison.without), "both_heaps": comparison.both_heaps, "apart": comparison.apart,
            "pairs": comparison.pairs}


def comparison_from_dict(data: Dict[str, Any]) -> Comparison:
    """Read back what :func:`comparison_to_dict` wrote."""
    baseline, rivals = case_from_dict(data["baseline"]), tuple(case_from_dict(case) for case in data["rivals"])
    versions = any(case.version for case in (baseline,) + rivals)  # their older records do not say that it is apart
    return Comparison(data["id"], data["title"], baseline, rivals, data.get("note", ""),
                      tuple(data.get("without", ())), bool(data.get("both_heaps", False)),
                      bool(data.get("apart", versions)), bool(data.get("pairs", False)))
