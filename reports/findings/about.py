"""What a report is about: the run, the device it was made on, and the command that makes it again."""

from typing import List, NamedTuple, Optional

from harness.record import Run


class Device(NamedTuple):
    """The device that was measured; ``name`` is ``None`` where nothing named it."""

    name: Optional[str]
    cuda: bool
    threads: int


#: Options of a run that are no matter of how long it takes.
ASKED = ("--only", "--against", "--fit", "--soak", "--soak-block", "--device", "--threads", "--power-modes")


class About(NamedTuple):
    """The run: ``complete`` tells whether it reached its end, ``factor`` is the smallest difference that counts."""

    run: str
    suite: str
    created: str
    seed: int
    complete: bool
    factor: float
    launches: int
    quick: bool
    device: Device
    command: str
    lock_refused: bool = False
    """``--lock-clocks`` was given and no clock was locked."""
    source: str = ""
    """What the command ``run`` takes for its suite: the name, or the file of a user's own, quoted for a shell."""
    out: str = ""
    """The option ``--out`` that the run was made with, quoted for a shell: where it is found by its bare name."""
    asked: str = ""
    """The options that say what was measured and where, quoted for a shell: what a longer run of the same takes."""

    @property
    def resume(self) -> str:
        """What follows ``--resume`` to go on with the run."""
        return self.run + self.out


def about(run: Run) -> About:
    """Return what ``run`` is."""
    header = run.header
    return About(run.id, run.suite, header.created, header.seed, run.ended, header.rule.factor,
                 header.settings.launches, header.settings.quick, device(run), command(run),
                 header.settings.lock_clocks and run.environment.clocks.get("locked_for_run") is False,
                 quoted(run.suite if header.suite_file is None else header.suite_file.path), out_of(run),
                 asked_of(run))


def device(run: Run) -> Device:
    """Return the device of ``run`` under the short name that people use."""
    environment, settings = run.environment, run.header.settings
    cuda = settings.device == "cuda"
    board = str(environment.board.get("model") or "").replace("NVIDIA ", "").replace(" Developer Kit", "")
    gpu, cpu = environment.gpu.get("name"), environment.cpu.get("model")
    if "Jetson" in board:
        name: Optional[str] = board
    elif cuda and gpu:
        name = str(gpu).replace("NVIDIA ", "")
    else:
        name = str(cpu or board).replace("(R)", "").replace("(TM)", "").split(" @")[0].replace(" CPU", "").strip()
    return Device(name or None, cuda, settings.threads)


def out_of(run: Run) -> str:
    """Return the option ``--out`` that the run was made with, a blank before it; empty where it was not given."""
    words = list(run.sessions[0].argv) if run.sessions else []
    given = [word[len("--out="):] for word in words if word.startswith("--out=")]
    given += [after for word, after in zip(words, words[1:]) if word == "--out"]
    return " --out {}".format(quoted(given[-1])) if given else ""


def asked_of(run: Run) -> str:
    """Return which of :data:`ASKED` the run was made with, a blank before each; empty for none."""
    words = list(run.sessions[0].argv) if run.sessions else []
    given = [[word] if "=" in word else [word, after] for word, after in zip(words, words[1:] + [""])
             if word.split("=")[0] in ASKED]
    return "".join(" " + quoted(word) for some in given for word in some)


def quoted(word: str) -> str:
    """Return ``word`` as a shell takes it."""
    plain = word and all(c.isalnum() or c in "-_./=:,+@%" for c in word)
    return word if plain else "'" + word.replace("'", "'\\''") + "'"


def command(run: Run) -> str:
    """Return the command that made the run, for the reader to run it again."""
    argv = run.sessions[0].argv if run.sessions else ()
    words: List[str] = []
    skip = False
    for word in argv or ("run", run.suite):
        # where the files went and what was made of them is no part of the measurement
        if not skip and word != "--no-report" and not word.startswith("--out=") and word != "--out":
            words.append(word)
        skip = word == "--out"
    text = "./run_bench.sh " + " ".join(map(quoted, words))
    seeded = any(word == "--seed" or word.startswith("--seed=") for word in words)
    return text if seeded else "{} --seed {}".format(text, run.header.seed)
