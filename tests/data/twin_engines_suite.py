"""Engines against themselves: the same model in two workers and, as the A/A check, in a third."""

from harness.plan import Case, Comparison, Suite

ENGINES = ("onnxruntime", "litert")


def comparisons(target):
    """A convolution of about a millisecond in each engine, and once more."""
    found = []
    for engine in ENGINES:
        options = (("engine", engine), ("graph", "conv1x1"))
        base = Case("Conv 1x1", engine, "suites.builders.runtimes:engine", (1, 1024, 8, 8), options=options)
        found.append(Comparison(engine, engine, base, (base._replace(implementation=engine + " again"),), apart=True))
    return found


SUITE = Suite("twin-engines", "engines against themselves", comparisons)
