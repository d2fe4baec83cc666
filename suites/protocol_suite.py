"""The papers' script to the letter, in three labelled forms that are never mixed.

*Built-in kernels*: TensorFlow Lite's own, nearest to the 2.4.1 of the papers, which cannot be installed here.
*Default delegate*: what the same script runs today (XNNPACK). *Our protocol*: the same models timed by the harness's
own rules, beside the convolutions of all other engines. On the CPU, as the papers' numbers were. The released 1-D
transform is the identity; a right one of equal arithmetic is timed.
"""

from typing import Any, List, Tuple

from harness.plan import Case, Comparison, Suite, Target
from suites.runtimes_suite import BEST, ENGINE, ENGINES

SCRIPT = "suites.builders.protocol:script"

WIDE, SMALL = (10, 1024, 32, 32), (10, 1024, 8, 8)

#: The script's two forms, by the word in the ids: the engine's form and the words of the title.
FORMS = (("builtin", "TFLite's built-in kernels"), ("stock", "today's default delegate"))

#: Of each paper: the cases in the script's order, with their description and the printed case that each is.
ONE_D = (("Conv 1x1", "conv1x1", "1d-published/conv-1x1"),
         ("WHT 1D dense", "wht1d-dense", "1d-published/wht-1d-matrix"),
         ("WHT 1D fast", "wht1d-two-stage", "1d-published/wht-1d-two-stage"))
TWO_D = (("Conv 3x3", "conv3x3", "2d-8x8-published/conv-3x3"), ("WHT 2D", "wht2d", "2d-8x8-published/wht-2d-matrix"),
         ("Squeeze-excite", "squeeze-excite", "2d-8x8-published/squeeze-excite"))
PAPERS = (("1d", "1-D layer for a 1x1 convolution", WIDE, ONE_D),
          ("2d", "2-D layer for a 3x3 convolution", SMALL, TWO_D))

SCRIPT_NOTE = ("Ten images one at a time; allocation, copying in, running and copying out inside the clock; the "
               "engine's default number of threads; input uniform between 0 and 1. A CPU, not the GPU.")
OURS_NOTE = ("The same models by the harness's own rules: ten calls of one image, nothing allocated or copied inside "
             "the clock, one thread. The baseline is the fastest convolution of all engines here.")


def played(paper: str, words: str, shape: Tuple[int, ...], cases: Tuple[Tuple[str, str, str], ...], form: str,
           told: str) -> Comparison:
    """Return the script of one paper in one form."""
    found = [Case(layer, "litert " + form, SCRIPT, shape, threads=1, protocol="published",
                  options=(("engine", "litert"), ("form", form), ("graph", graph), ("published", printed)))
             for layer, graph, printed in cases]
    memory = () if paper == "2d" else ("memory",)  # what memory is claimed of
    return Comparison("{}-script-{}".format(paper, form), "{}, the papers' script, {}".format(words, told), found[0],
                      tuple(found[1:]), SCRIPT_NOTE, without=memory + ("energy",), both_heaps=paper == "2d",
                      apart=True)


def ours(paper: str, words: str, shape: Tuple[int, ...], cases: Tuple[Tuple[str, str, str], ...]) -> Comparison:
    """Return the same models by the harness's rules, with the convolution of every engine."""
    def case(layer: str, engine: str, builder: str = ENGINE, **options: Any) -> Case:
        return Case(layer, engine, builder, (1,) + shape[1:], threads=1,
                    options=tuple(sorted(dict(options, engine=engine.split()[0]).items())))

    layer, graph, _ = cases[0]
    found = [case(layer, "litert", graph=graph), case(layer, "torch best", BEST, kernel=3 if paper == "2d" else 1)]
    found += [case(layer, engine, graph=graph) for engine in ENGINES if engine != "litert"]
    found += [case(name, "litert", graph=graph, published=printed) for name, graph, printed in cases[1:]]
    title = "{}, our protocol".format(words)
    return Comparison(paper + "-ours", title, found[0], tuple(found[1:]), OURS_NOTE,
                      without=("memory", "energy"), apart=True, pairs=True)


def comparisons(target: Target) -> List[Comparison]:
    """Return the suite's comparisons: always on the CPU, as the papers timed."""
    found = []
    for paper, words, shape, cases in PAPERS:
        found += [played(paper, words, shape, cases, form, told) for form, told in FORMS]
        found.append(ours(paper, words, shape, cases))
    return found


SUITE = Suite("protocol", "The papers' own script, in the engine they used and by our rules", comparisons)
