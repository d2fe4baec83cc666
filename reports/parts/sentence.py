"""The verdict as a sentence: who, how much, against what, and where it does not hold."""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from reports.numbers import NARROW, SIGNS, count, listing, percent, speed

ORDER = ("faster", "slower", "same", "cannot tell", "wrong", "not measured")
GROUPS = 2          # a headline longer than two claims is not read
MOST_CLAUSES = 3    # more sizes than this are counted, not named
WORDS = {"faster": "faster", "slower": "slower", "same": "as fast", "cannot tell": "cannot be told apart",
         "wrong": "wrong", "not measured": "not measured"}


class Part(NamedTuple):
    """A piece of the headline; ``tone`` is the verdict that colours it, or ``None``."""

    text: str
    tone: Optional[str] = None


def headline(tables: Sequence[Dict[str, Any]], device: str) -> List[Part]:
    """Return the sentence in parts. ``tables`` are those of the page; only the main ones speak."""
    spoken = [table for table in tables if table["main"] and table["protocol"] == "steady"]
    spoken = spoken or [table for table in tables if table["main"]]
    if not spoken or all(row["ratio"] is None for table in spoken for row in table["rows"]):
        return [Part("Nothing was timed on this {}: no verdict.".format(device))]
    groups = _groups(spoken)
    if not groups:
        return [Part("On this {} the layer in question was not timed: no verdict on it.".format(device))]
    titles = short_titles(spoken)
    parts = [Part("On this {} ".format(device))]
    for index, (hero, members) in enumerate(groups[:GROUPS]):
        if index:
            parts.append(Part("; "))
        parts.extend(_claim(hero, members, titles))
    left = sum(len(members) for _, members in groups[GROUPS:])
    parts.append(Part("; {} below.".format(count(left, "more comparison")) if left else "."))
    return parts


def _groups(tables: Sequence[Dict[str, Any]]) -> List[Tuple[str, List[Dict[str, Any]]]]:
    """Group tables by baseline and by the layer they are about, each with its hero.

    A comparison is about the layer its suite names first among the rivals; the hero is the fastest form of
    that layer in the first table of the group that timed it.
    """
    groups: List[Tuple[Tuple[str, str], List[Dict[str, Any]]]] = []
    for table in tables:
        key = (table["baseline"], str(table["about"]))
        same = next((members for known, members in groups if known == key), None)
        if same is None:
            groups.append((key, [table]))
        else:
            same.append(table)
    found = []
    for _, members in groups:
        for table in members:
            hero = next((row["name"] for row in table["rows"]
                         if row["ratio"] is not None and row["layer"] == table["about"]), None)
            if hero is not None:
                found.append((hero, [table] + [other for other in members if other is not table]))
                break
    return found


def short_titles(tables: Sequence[Dict[str, Any]]) -> Dict[str, str]:
    """Return by table key the part of its title that tells it apart from those of the same baseline.

    A beginning that all share is dropped ("1-D layer, 8x8" becomes "8x8"); beginnings that all differ say
    enough by themselves ("64 channels, 56x56" becomes "64 channels"); else the title stays whole.
    """
    found = {}
    for table in tables:
        family = [other["title"] for other in tables if other["baseline"] == table["baseline"]]
        found[table["key"]] = table["title"]
        for mark in (", ", ": "):
            starts = [title.split(mark, 1)[0] for title in family]
            if len(family) < 2 or starts == family:
                continue
            if len(set(starts)) == 1:
                found[table["key"]] = table["title"].split(mark, 1)[-1]
                break
            if len(set(starts)) == len(starts):
                found[table["key"]] = table["title"].split(mark, 1)[0]
                break
    return found


def _claim(hero: str, members: Sequence[Dict[str, Any]], titles: Dict[str, str]) -> List[Part]:
    """Return what is said of one group: the hero in its first table, then how it fares in the others."""
    first = _row(members[0], hero)
    assert first is not None                             # the hero was picked from this table
    where = [titles[members[0]["key"]]]
    if len(members) - 1 > MOST_CLAUSES:
        return _first(hero, first, members[0], where) + [Part(_summed([_row(table, hero) for table in members[1:]]))]
    clauses: List[Tuple[str, List[str]]] = []            # what is said, and where
    lost = []
    for table in members[1:]:
        row, title = _row(table, hero), titles[table["key"]]
        if row is None or row["ratio"] is None and row["state"] != "wrong":
            lost.append(title)
            continue
        title += "" if row["name"] == hero else " (as {})".format(row["name"])
        if row["state"] == first["state"] and row["state"] in ("same", "cannot tell"):
            where.append(title)
            continue
        said = _said(row)
        same = next((places for text, places in clauses if text == said), None)
        if same is None:
            clauses.append((said, [title]))
        else:
            same.append(title)
    parts = _first(hero, first, members[0], where)
    if clauses:
        joined = listing(["{} at {}".format(said, listing(places)) for said, places in clauses])
        parts.append(Part((", " if len(clauses) > 1 else " and ") + joined))
    if lost:
        parts.append(Part(" (not timed at {})".format(listing(lost))))
    return parts


def _summed(rows: Sequence[Optional[Dict[str, Any]]]) -> str:
    """Return how the hero fares elsewhere when there are too many places to name."""
    states = ["not measured" if row is None else row["state"] for row in rows]
    if set(states) <= {"faster"} or set(states) <= {"slower"}:
        return " and {} in all {} more comparisons".format(states[0], len(rows))
    told = ["{} {}".format(states.count(state), state) for state in ORDER if state in states]
    return "; of {} more comparisons {}".format(len(rows), listing(told))


def _first(hero: str, row: Dict[str, Any], table: Dict[str, Any], where: Sequence[str]) -> List[Part]:
    baseline, places = table["baseline"], listing(where, "or" if row["state"] == "cannot tell" else "and")
    if row["state"] in ("faster", "slower"):
        return [Part("{} is {}".format(hero, _said(row)), row["state"]),
                Part(" than {} at {}".format(baseline, places))]
    if row["state"] == "same":
        return [Part("{} is as fast as {}".format(hero, baseline), "same"), Part(" at {}".format(places))]
    return [Part("{} cannot be told apart".format(hero), "cannot tell"),
            Part(" from {} at {}".format(baseline, places))]


def _said(row: Dict[str, Any]) -> str:
    if row["state"] in ("faster", "slower"):
        text = speed(row["ratio"])
        if not text.endswith(row["state"]):              # within 10 % the number is a percentage
            text = "{}{}% {}".format(percent(max(row["ratio"], 1 / row["ratio"]), sign=False), NARROW, row["state"])
        return text
    return WORDS[row["state"]]


def _row(table: Dict[str, Any], name: str) -> Optional[Dict[str, Any]]:
    """Return the row of the hero, or where a table lacks that form the fastest form of the same layer."""
    rivals = [row for row in table["rows"] if not row["baseline"]]
    same = [row for row in rivals if row["layer"] == table["about"]]
    return next((row for row in rivals if row["name"] == name), same[0] if same else None)


def tally(tables: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return how many rivals of the main tables got which word, in a fixed order, zeros left out."""
    states = [row["state"] for table in tables if table["main"] for row in table["rows"] if not row["baseline"]]
    return [{"state": state, "sign": SIGNS[state], "count": states.count(state)}
            for state in ORDER if state in states]


def subline(tables: Sequence[Dict[str, Any]], factor: float, launches: int) -> str:
    """Return the line under the headline: how much was compared and what this run could tell."""
    rivals = sum(len(table["rows"]) - 1 for table in tables if table["main"])
    comparisons = len([table for table in tables if table["main"]])
    floors = [table["floor"] for table in tables if table["floor"] is not None]
    text = "{} in {}.".format(count(rivals, "rival"), count(comparisons, "comparison"))
    if floors:
        least = max([1 + factor] + floors)
        text += " 99{n}% intervals over rounds{l}; the smallest difference this run could tell is {p}{n}%.".format(
            n=NARROW, p=percent(least, sign=False).replace(".0", ""),
            l=", {}".format(count(launches, "launch", "launches")) if launches else "")
    return text
