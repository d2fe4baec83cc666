"""The environment of a run: what it was, what differs between runs, what was not measured and why."""

from typing import Any, Dict, List, Optional, Tuple

from harness.record import Run

#: What changes from minute to minute on one machine and explains no difference between runs by itself.
VOLATILE = ("uptime_s", "load_1min", "available_bytes", "swap_used_bytes", "encoding", "temperature", "current",
            "started")


def flatten(data: Any, path: str = "") -> List[Tuple[str, Any]]:
    """Return ``(dotted name, value)`` for every leaf of nested dicts, in their order; lists are leaves."""
    if not isinstance(data, dict):
        return [(path, data)]
    found: List[Tuple[str, Any]] = []
    for key in data:
        found.extend(flatten(data[key], "{}.{}".format(path, key) if path else str(key)))
    return found


def value_text(value: Any) -> str:
    """Return a value of the environment in words."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(value_text(one) for one in value) if value else "none"
    if isinstance(value, dict):
        return ", ".join("{} {}".format(key, value_text(value[key])) for key in value) if value else "none"
    return str(value)


def sections(run: Run) -> List[Dict[str, Any]]:
    """Return the environment as sections of (name, text, reason); a missing value carries its reason."""
    found = []
    for name in run.environment:
        if name == "meters":
            continue
        data = run.environment[name]
        if not isinstance(data, dict):
            data = {name: data}
        rows = []
        for key, value in flatten(data):
            if key.endswith("_reason"):
                continue
            reason = _reason(data, key) if value is None else None
            rows.append({"name": key, "text": value_text(value), "reason": reason})
        found.append({"name": name, "rows": rows})
    return found


def _reason(data: Dict[str, Any], path: str) -> Optional[str]:
    *parents, key = path.split(".")
    for parent in parents:
        data = data.get(parent) or {}
    reason = data.get(key + "_reason")
    return str(reason) if reason else None


def meters(run: Run) -> List[Dict[str, Any]]:
    """Return the meters the run knew of, with the reason and the remedy of each that was refused."""
    return [dict(meter) for meter in run.environment.get("meters") or []]


def not_measured(run: Run) -> List[Dict[str, Any]]:
    """Return what this run could not measure: ``{"what", "reason", "remedy"}``."""
    found = [{"what": "{} from {}".format(meter["quantity"], meter["name"]), "reason": meter.get("reason"),
              "remedy": meter.get("remedy")} for meter in meters(run) if not meter.get("available")]
    for line in failed_passes(run):
        where = line.get("case") or line["comparison"]
        launch = " launch {}".format(line["launch"]) if line.get("launch") is not None else ""
        found.append({"what": "{}{} of {}".format(line["pass"], launch, where), "reason": line["reason"],
                      "remedy": None})
    return found


def failed_passes(run: Run) -> List[Dict[str, Any]]:
    """Return the units that failed; those that were rightly skipped (a wrong layer) are not among them."""
    return [line for line in run.passes() if line["status"] == "failed"
            and not str(line.get("reason")).startswith(("not measured", "the baseline not measured"))]


def differences(runs: List[Run]) -> List[Dict[str, Any]]:
    """Return what differs between the environments and settings of ``runs``: ``{"name", "values"}``."""
    flat = []
    for run in runs:
        data = dict(flatten({key: run.environment[key] for key in run.environment if key != "meters"}))
        data.update({"settings." + key: value for key, value in flatten(run.header.get("settings", {}))})
        data["seed"] = run.header.get("seed")
        flat.append(data)
    names: List[str] = []
    for data in flat:
        names.extend(name for name in data if name not in names)
    found = []
    for name in names:
        if name.endswith("_reason") or any(word in name.split(".")[-1] for word in VOLATILE):
            continue
        values = [data.get(name) for data in flat]
        if any(value != values[0] for value in values[1:]):
            found.append({"name": name, "values": [value_text(value) for value in values]})
    return found


def command(run: Run) -> str:
    """Return the command that made the run, for the reader to run it again."""
    argv = run.sessions[0].get("argv") if run.sessions else None
    words: List[str] = []
    skip = False
    for word in [str(word) for word in argv or ["run", run.suite]]:
        # where the files went and what was made of them is no part of the measurement
        if not skip and word != "--no-report" and not word.startswith("--out=") and word != "--out":
            words.append(word)
        skip = word == "--out"
    quoted = [word if word and all(c.isalnum() or c in "-_./=:,+@%" for c in word) else
              "'" + word.replace("'", "'\\''") + "'" for word in words]
    text = "./run_bench.sh " + " ".join(quoted)
    return text if any("--seed" in word for word in words) else "{} --seed {}".format(text, run.header.get("seed"))
