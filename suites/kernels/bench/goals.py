"""What the kernels set out to reach, and whether a run of the benchmark shows it."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence


class Goal(NamedTuple):
    """``shape``: the fused layer against the best of ``rivals``; at least ``factor`` times faster.

    A factor below 1 allows the fused layer to be slower (0.4: at most 2.5 times the rival's time).
    """

    shape: str
    rivals: Sequence[str]
    factor: float
    threads: int


GOALS = (
    Goal("1-D 10x1024x32x32", ("copy past the caches",), 1 / 2.5, 1),
    Goal("1-D 10x1024x32x32", ("best conv 1x1",), 18, 1),
    Goal("1-D 10x1024x32x32", ("best conv 3x3",), 150, 1),
    Goal("1-D 10x1024x32x32", ("compiled butterflies", "compiled Kronecker"), 10, 1),
    Goal("1-D 10x1024x32x32", ("eager butterflies", "eager Kronecker"), 14, 1),
    Goal("2-D 10x1024x32x32", ("best conv 3x3",), 110, 1),
    Goal("2-D 10x1024x32x32", ("best depthwise 3x3",), 1, 1),
    Goal("2-D 10x1024x8x8", ("best conv 3x3",), 200, 1),
) + tuple(Goal(shape, ("best conv 1x1",), 1, threads) for threads in (1, 2) for shape in (
    "1-D 8x64x56x56", "1-D 8x96x28x28, blocks of 32", "1-D 8x96x28x28, padded to 128",
    "1-D 8x160x14x14, blocks of 32", "1-D 8x320x14x14, blocks of 64", "1-D 8x320x14x14, padded to 512",
    "1-D 1x256x14x14"))

SMALL_S = {1: 20e-6, 2: 12e-6}
BACKWARD_OVER_FORWARD = 1.7


def _line(text: str, wanted: float, found: Optional[float], low: Optional[float], high: Optional[float],
          more_is_better: bool) -> Dict[str, Any]:
    reached = None if found is None else (found >= wanted if more_is_better else found <= wanted)
    return {"goal": text, "wanted": wanted, "found": found, "low": low, "high": high, "reached": reached}


def judge(results: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return one line for each goal whose shape and rivals are in ``results``."""
    lines = []
    by_key = {(r["shape"], r["pass"], r["threads"]): {e["name"]: e for e in r["entrants"]} for r in results}
    for goal in GOALS:
        entrants = by_key.get((goal.shape, "forward", goal.threads), {})
        there = [entrants[name] for name in goal.rivals if name in entrants]
        if not there:
            continue
        best = min(there, key=lambda entrant: entrant["ratio"])
        if goal.factor < 1:
            text = "{}, {} thread(s): at most {:.1f} times the time of {}".format(
                goal.shape, goal.threads, 1 / goal.factor, best["name"])
            low, high = (None if v is None else 1 / v for v in (best["high"], best["low"]))
            lines.append(_line(text, 1 / goal.factor, 1 / best["ratio"], low, high, False))
        else:
            text = "{}, {} thread(s): at least {:g} times as fast as {}".format(
                goal.shape, goal.threads, goal.factor, best["name"])
            lines.append(_line(text, goal.factor, best["ratio"], best["low"], best["high"], True))
    for threads, limit in SMALL_S.items():
        entrants = by_key.get(("1-D 1x256x14x14", "forward", threads), {})
        if "fused, new output" in entrants:
            found = entrants["fused, new output"]["median_s"]
            lines.append(_line("1-D 1x256x14x14, {} thread(s): at most {:.0f} us with the Python call".format(
                threads, limit * 1e6), limit, found, None, None, False))
    for (shape, which, threads), entrants in by_key.items():
        if which == "backward":
            found = entrants["fused forward"]
            low, high = (None if v is None else 1 / v for v in (found["high"], found["low"]))
            lines.append(_line("{}, {} thread(s): backward at most {} times the forward".format(
                shape, threads, BACKWARD_OVER_FORWARD), BACKWARD_OVER_FORWARD, 1 / found["ratio"], low, high, False))
    return lines
