"""What the user asked of a run, and the settings that follow from it on this machine."""

import math
from typing import Dict, NamedTuple, Optional, Tuple

from harness.plan import Suite
from harness.probed import Probed
from harness.rule import COMPARE_LAUNCHES
from harness.settings import PASSES, Settings, format_duration
from harness.soak_blocks import block_length_s
from harness.text import printable
from harness.versions import commit_of
from harness.words import Pass

#: Sampling time of a quick run; a comparison gets its 12 rounds all the same.
QUICK_BUDGET_S = 45.0


class SessionError(Exception):
    """A run that cannot start; the message is one sentence with the remedy."""

    def __init__(self, message: str) -> None:
        super(SessionError, self).__init__(printable(message))


class Choices(NamedTuple):
    """What the user asked for; ``None`` leaves the choice to :func:`settle`."""

    device: Optional[str] = None
    threads: Optional[int] = None
    seed: int = 1
    quick: bool = False
    launches: Optional[int] = None
    rounds: Optional[int] = None
    budget_s: Optional[float] = None
    limit_s: float = 900.0
    only: Optional[str] = None
    power: Optional[str] = None
    lock_clocks: bool = False
    fit_bytes: Optional[int] = None
    soak_s: Optional[float] = None
    soak_block_s: Optional[float] = None
    power_mode: Optional[str] = None
    for_compare: bool = False
    against: Optional[str] = None


#: Of the limit of a worker that soaks, what torch's import and the layers' building may take beside the soak.
SOAK_STARTS_IN_S = 60.0


def check_together(choices: Choices) -> None:
    """Raise :class:`SessionError` where two choices rule each other out, on whatever machine."""
    instead = [name for name, given in (
        ("--fit", choices.fit_bytes is not None), ("--soak", choices.soak_s is not None)) if given]
    timing = [name for name, given in (
        ("--for-compare", choices.for_compare), ("--against", choices.against is not None),
        ("--launches", choices.launches is not None), ("--rounds", choices.rounds is not None),
        ("--budget", choices.budget_s is not None)) if given]
    if choices.for_compare and choices.quick:
        raise SessionError("--for-compare goes without --quick: its launches are short already; leave cases out with "
                           "--only")
    if choices.against is not None and choices.for_compare:
        raise SessionError("--against has both versions in one run: leave out --for-compare")
    if len(instead) > 1:
        raise SessionError("{} are two different runs: leave one of them out".format(" and ".join(instead)))
    if instead and timing:
        raise SessionError("{} measures something else than time: leave out {}".format(instead[0], ", ".join(timing)))
    if choices.power is not None and not _may_read_power(choices):
        raise SessionError("--power names the meter of a run that measures energy, which one with {} does not: leave "
                           "one of them out".format((instead + timing)[0]))
    _check_soak(choices)


def _may_read_power(choices: Choices) -> bool:
    """Whether a run of ``choices`` reads a meter where there is one."""
    return choices.soak_s is not None or Pass.ENERGY.value in passes_for(choices)


def _check_soak(choices: Choices) -> None:
    """Raise :class:`SessionError` where the length of a soak, of its turns and of its worker do not go together."""
    if choices.soak_s is None:
        if choices.soak_block_s is not None:
            raise SessionError("--soak-block is the length of a turn of a soak: it goes with --soak DURATION")
        return
    if choices.soak_block_s is not None and choices.soak_block_s * 2 > choices.soak_s:
        raise SessionError("--soak-block: a soak of {} holds no two turns of {}: choose shorter turns or a longer "
                           "soak".format(format_duration(choices.soak_s), format_duration(choices.soak_block_s)))
    least_s = choices.soak_s + SOAK_STARTS_IN_S
    if choices.limit_s < least_s:
        raise SessionError("--soak: a worker that soaks for {} would be ended as hung after {}: add --limit {:.0f}s, "
                           "or more".format(format_duration(choices.soak_s), format_duration(choices.limit_s),
                                            math.ceil(least_s)))


def check_meter(settings: Settings, probed: Probed) -> None:
    """Raise :class:`SessionError` if the meter that the user named for power does not answer here.

    The run would end without what it was started for, after an hour perhaps.
    """
    if settings.power is None:
        return
    known = [one for one in probed.meters if one.quantity == "power" and one.name == settings.power]
    if any(one.chosen for one in known):
        return
    why = ["{}{}".format(one.reason, "" if one.remedy is None else ": " + one.remedy) for one in known if one.reason]
    raise SessionError("--power {}: that meter does not answer here ({}). Nothing was measured; name another meter, "
                       "or leave --power out to have the best that answers".format(
                           settings.power, why[0] if why else "it is unknown here"))


def settle(choices: Choices, probed: Probed) -> Settings:
    """Choose what the user left open: the best device present, torch's threads, the launches, the budget.

    ``probed`` is what a worker found of torch and the GPU. Raises :class:`SessionError`.
    """
    check_together(choices)
    if probed.torch["version"] is None:
        raise SessionError("Nothing can be measured: {}. './run_bench.sh setup' installs it or says what is in the "
                          "way.".format(probed.torch["version_reason"]))
    has_cuda = probed.gpu["name"] is not None
    if choices.device == "cuda" and not has_cuda:
        raise SessionError("--device cuda: {}. Use --device cpu, or install a torch with CUDA ('./run_bench.sh "
                          "doctor' says more).".format(probed.gpu["name_reason"]))
    launches = COMPARE_LAUNCHES if choices.for_compare else 1 if choices.quick else probed.rule.launches
    return Settings(
        device=choices.device or ("cuda" if has_cuda else "cpu"),
        threads=choices.threads or probed.torch["threads"],
        seed=choices.seed, quick=choices.quick,
        launches=choices.launches or launches, every_launch=choices.for_compare,
        against=None if choices.against is None else commit_of(choices.against),
        budget_s=choices.budget_s or (QUICK_BUDGET_S if choices.quick else Settings._field_defaults["budget_s"]),
        # Who asks for more time wants it spent where it is needed.
        launch_cap_s=max(Settings._field_defaults["launch_cap_s"], choices.budget_s or 0.0),
        memory_repeats=1 if choices.quick else Settings._field_defaults["memory_repeats"],
        limit_s=choices.limit_s, only=choices.only, power=choices.power, lock_clocks=choices.lock_clocks,
        passes=passes_for(choices), power_mode=choices.power_mode, fit_bytes=choices.fit_bytes, soak_s=choices.soak_s,
        soak_block_s=None if choices.soak_s is None else choices.soak_block_s or block_length_s(choices.soak_s))


def with_defaults(choices: Choices, suite: Suite) -> Choices:
    """Return ``choices`` with what ``suite`` says of launches and budget where the user said nothing of them."""
    settled = choices.quick or choices.for_compare or choices.against is not None
    if settled or Pass.TIME.value not in passes_for(choices):
        return choices
    return choices._replace(launches=choices.launches or suite.launches, budget_s=choices.budget_s or suite.budget_s)


def passes_for(choices: Choices) -> Tuple[str, ...]:
    """Return the passes of the run: what was asked for alone, after the check of every layer, else the usual four."""
    time_alone = choices.for_compare or choices.against is not None
    asked = [(Pass.TIME, time_alone or None), (Pass.FIT, choices.fit_bytes), (Pass.SOAK, choices.soak_s)]
    extra = tuple(name.value for name, value in asked if value is not None)
    return (Pass.VERIFY.value,) + extra if extra else PASSES


def check_fit(fit_bytes: Optional[int], device: str, meminfo: Dict[str, int]) -> None:
    """Raise :class:`SessionError` if this machine could not give a worker ``fit_bytes`` without swapping."""
    available = meminfo.get("MemAvailable")
    if fit_bytes is not None and device == "cpu" and available is not None and fit_bytes > available:
        raise SessionError("--fit: {:.2f} GB were asked for, but only {:.2f} GB are free on this machine now: ask "
                          "for less, or close programs.".format(fit_bytes / 1e9, available / 1e9))
