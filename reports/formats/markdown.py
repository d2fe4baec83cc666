"""The report as Markdown: the same words and numbers as the page, for mail, issues and notebooks."""

from typing import Any, Dict, List, Sequence


def cell(text: Any) -> str:
    """Return ``text`` safe inside a Markdown table: no pipes, no line ends, no markup of its own."""
    words = " ".join(str(text).split("\n"))
    for char in "\\`*_[]<>|#":
        words = words.replace(char, "\\" + char)
    return words


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> List[str]:
    """Return the lines of a table; the columns in ``right`` are numbers."""
    lines = ["| {} |".format(" | ".join(heads)),
             "|{}|".format("|".join("--:" if i in right else "---" for i in range(len(heads))))]
    return lines + ["| {} |".format(" | ".join(cell(value) for value in row)) for row in rows]


def markdown(data: Dict[str, Any]) -> str:
    """Return the whole report as Markdown text."""
    lines = ["# " + cell(data["headline_text"]), "",
             "{} | {} | {} | run {}".format(cell(data["suite"]), cell(data["device_text"]), data["date"],
                                            data["run"]), "",
             cell(data["subline"]), ""]
    if data["tally"]:
        lines += [", ".join("{} {} {}".format(cell(one["sign"]), one["count"], one["state"])
                            for one in data["tally"]), ""]
    if data["weakeners"]:
        lines += ["## What weakens this run", ""]
        lines += ["- " + weakener(one) for one in data["weakeners"]] + [""]
    lines += ["## Speed, memory, energy", ""]
    for gap in data["absent"]:
        lines += ["{} not measured: {}.".format(gap["title"], cell(gap["reason"])), ""]
    for one in data["tables"]:
        lines += _comparison(one)
    if data["close_calls"]:
        lines += ["## Close calls", ""] + table(
            ["rival", "comparison", "verdict", "speed", "interval", "next step"],
            [[call["name"], call["title"], "{} {}".format(call["sign"], call["state"]), call["speed_text"],
              call["interval_text"], call["next_step"] or ""] for call in data["close_calls"]], (3, 4)) + [""]
    lines += _devices(data) + _published(data) + _memory(data) + _energy(data) + _rest(data)
    return "\n".join(lines).rstrip("\n") + "\n"


def weakener(one: Dict[str, Any]) -> str:
    """Return one entry of "what weakens this run" in one line, its command as code."""
    text = cell(one["text"])
    if one["next_step"]:
        text += " Next step: {}".format(cell(one["next_step"]))
        text += ", `{}`.".format(one["code"]) if one["code"] else "."
    return text


def title_of(one: Dict[str, Any]) -> str:
    """Return a table's title with its cache state."""
    return one["title"] + (", " + one["cache_text"] if one["cache_text"] else "")


def _comparison(one: Dict[str, Any]) -> List[str]:
    lines = ["### {} (against {}{})".format(cell(title_of(one)), cell(one["baseline"]), "" if not one["baseline_text"]
                                            else ", " + one["baseline_text"]), ""]
    if one["note"]:
        lines += [cell(one["note"]), ""]
    heads = ["case", "verdict", "speed", "interval", "median"]
    heads += ["memory, " + one["memory_title"]] if one["has_memory"] else []
    heads += ["energy per call"] if one["has_energy"] else []
    rows = []
    for row in one["rows"]:
        verdict = "{} {}".format(row["sign"], row["state"])
        if row["reason"]:
            rows.append([row["name"], verdict + ": " + row["reason"]] + [""] * (len(heads) - 2))
            continue
        values = [row["name"], verdict, row["speed_text"] or "no ratio", row["interval_text"] or "",
                  row["median_text"]]
        values += [row["memory_text"] or row["memory_reason"]] if one["has_memory"] else []
        values += [row["energy_text"] or row["energy_reason"]] if one["has_energy"] else []
        rows.append(values)
    lines += table(heads, rows, range(2, len(heads))) + [""]
    for gap in one["absent"]:
        lines += ["{} not measured: {}.".format(gap["title"], cell(gap["reason"])), ""]
    lines += ["- {}: {}.".format(cell(", ".join(step["names"])), cell(step["text"])) for step in one["next_steps"]]
    return lines + ([""] if lines[-1] else [])


def _devices(data: Dict[str, Any]) -> List[str]:
    if not data["devices"]:
        return []
    lines = ["## The same rivals in every run", ""]
    labels = data["devices"]["labels"]
    for one in data["devices"]["tables"]:
        lines += ["### {} (against {})".format(cell(one["title"]), cell(one["baseline"])), ""]
        rows = [[row["name"]] + ["{} {}".format(c["sign"], " ".join(filter(None, [
            c["speed_text"] or c["state"], c["interval_text"] or c["reason"]]))) for c in row["cells"]]
            for row in one["rows"]]
        lines += table(["rival"] + [cell(label) for label in labels], rows) + [""]
    if data["devices"]["differences"]:
        lines += ["What differs:", ""] + table(
            [""] + [cell(label) for label in labels],
            [[one["name"]] + one["values"] for one in data["devices"]["differences"]]) + [""]
    return lines


def _published(data: Dict[str, Any]) -> List[str]:
    if not data["published"]:
        return []
    rows = [[one["name"], one["title"], one["quantity"], one["published_text"] or "not given",
             one["measured_text"] or one["measured_reason"], "; ".join(filter(None, [
                 one["where"], one["protocol"], one["source"], one["note"]]))] for one in data["published"]]
    return ["## Beside the published numbers", "", data["published_caution"], ""] + table(
        ["case", "comparison", "quantity", "published", "measured here", "where and how"], rows, (3, 4)) + [""]


def _memory(data: Dict[str, Any]) -> List[str]:
    lines = ["## Memory", ""] if data["memory"] else []
    for one in data["memory"]:
        rows = [[row["name"]] + [c["text"] or c["reason"] for c in row["cells"]] for row in one["rows"]]
        lines += ["### " + cell(one["title"]), ""]
        lines += table(["case"] + [column["title"] for column in one["columns"]], rows,
                       range(1, 1 + len(one["columns"]))) + [""]
        for gap in one["absent"]:
            lines += ["{} not measured: {}.".format(gap["title"], cell(gap["reason"])), ""]
    return lines


def _energy(data: Dict[str, Any]) -> List[str]:
    lines = ["## Energy", ""]
    if data["energy_reason"]:
        return lines + ["Not measured: {}.".format(cell(data["energy_reason"])), ""]
    for one in data["energy"]:
        lines += ["### " + cell(one["title"]), ""]
        rows = [[row["name"], row["energy_text"], row["spread_text"] or "", row["above_text"] or "",
                 row["image_text"], row["mean_text"] or "", row["peak_text"] or "",
                 row["ratio_text"] or ""] if row["energy_text"] else
                [row["name"], row["reason"]] + [""] * 6 for row in one["rows"]]
        lines += table(["case", "per call", "uncertainty", "above idle", "per image", "mean power", "peak power",
                        "against the baseline"], rows, range(1, 8)) + [""]
        lines += ["Read from {}.".format(cell(", ".join(one["sources"]))), ""] if one["sources"] else []
    return lines


def _rest(data: Dict[str, Any]) -> List[str]:
    lines = ["## How this was measured", ""]
    for section in data["environment"]:
        facts = ["{}: {}{}".format(row["name"], row["text"], " ({})".format(row["reason"]) if row["reason"] else "")
                 for row in section["rows"]]
        lines += ["- **{}**: {}".format(cell(section["name"]), cell("; ".join(facts)))]
    lines += [""] if data["environment"] else []
    if data["not_measured"]:
        lines += ["Not measured:", ""]
        lines += ["- {}: {}{}".format(cell(one["what"]), cell(one["reason"] or "no reason recorded"),
                                      ". Remedy: " + cell(one["remedy"]) if one["remedy"] else "")
                  for one in data["not_measured"]] + [""]
    return lines + ["Again: `{}`".format(data["command"]), ""]
