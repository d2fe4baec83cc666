"""The suite of the tests of comparisons whose cases are kept apart: the same work twice, more work, and failures."""

import os

from harness.plan import Case, Comparison, Suite

LAYERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "apart_layers.py")


def case(layer, builder="products", target=None, **options):
    return Case(layer, "", "{}:{}".format(LAYERS, builder), (1, 192, 192), device="cpu",
                threads=1 if target is None else target.threads, options=tuple(sorted(options.items())))


def comparisons(target):
    base = case("twenty", target=target)
    rivals = {
        "twins": (case("twenty again", target=target), case("twenty once more", target=target),
                  case("twenty-three", target=target, products=23)),
        "failures": (case("twenty again", target=target), case("absent", "absent", target),
                     case("killed", "killed", target), case("spinning", "spinning", target)),
    }
    return [Comparison(name, name, base, found, without=("memory",), apart=True) for name, found in rivals.items()]


SUITE = Suite("apart", "cases that may not share a process", comparisons)
