"""The format's JSON Schema: the check of every line on reading, and the text of ``results/README.md``."""

import functools
import io
import json
import os
from typing import Any, Callable, List

from harness.record.columns import Columns
from harness.record.leaves import Definition
from harness.text import printable

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "record.schema.json"

#: In a checkout the schema lies with the results it describes, in an installed package beside this module.
PLACES = (os.path.join(os.path.dirname(os.path.dirname(HERE)), "results", NAME), os.path.join(HERE, NAME))

#: The order in which the documentation walks the format.
CHAPTERS = (("run", ("settings", "rule", "comparison", "case", "suite_file", "goal")),
            ("session", ("environment", "meter")),
            ("verify", ("check_result",)), ("time", ("series", "round", "decision", "timer", "warm_up")),
            ("memory", ("stage", "memory_trace")), ("energy", ("energy_window", "phase", "traces", "sampling_cost")),
            ("fit", ("fit_probe",)), ("soak", ("soak_block", "soak_trace")), ("end", ()),
            ("reason", ()))


#: A key from elsewhere may be of any length.
LONGEST = 160


class SchemaError(ValueError):
    """A value that breaks the format; ``field`` is its place in the line, ``problem`` what is wrong with it."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = printable(field[:LONGEST])
        self.problem = printable(problem[:LONGEST])
        super(SchemaError, self).__init__("{} {}".format(self.field, self.problem))


@functools.lru_cache(maxsize=1)
def schema() -> Definition:
    """Return the whole schema as data."""
    path = next((place for place in PLACES if os.path.isfile(place)), PLACES[0])
    with io.open(path, encoding="utf-8") as file:
        found: Definition = json.load(file)
    return found


@functools.lru_cache(maxsize=None)
def checker(definition: str) -> Callable[[Any], None]:
    """Return a function that raises :class:`SchemaError` on data that is no ``definition`` of the schema."""
    quick = columns()

    def checked(data: Any) -> None:
        if quick.read(definition, Any, [data]) is not None:
            return
        import fastjsonschema

        try:
            validator(definition)(data)
        except fastjsonschema.JsonSchemaValueException as error:
            field = str(error.name)[len("data"):].lstrip(".")
            problem = str(error.message)
            if error.name and problem.startswith(error.name):
                problem = problem[len(error.name):].strip()
            raise SchemaError("field '{}'".format(field) if field else "the line", problem) from None

    return checked


@functools.lru_cache(maxsize=1)
def columns() -> Columns:
    """Return what accepts most data without the validator, and leaves it as it is."""
    return Columns(schema()["definitions"])


@functools.lru_cache(maxsize=None)
def validator(definition: str) -> Callable[[Any], Any]:
    """Return the validator of ``definition``, which raises fastjsonschema's error."""
    import fastjsonschema

    found: Callable[[Any], Any] = fastjsonschema.compile(
        {"$ref": "#/definitions/" + definition, "definitions": schema()["definitions"]}, use_default=False)
    return found


def markdown() -> str:
    """Return the format as the tables of ``results/README.md``."""
    definitions = schema()["definitions"]
    found: List[str] = []
    for name, parts in CHAPTERS:
        found += ["### `{}`".format(name), "", definitions[name]["description"], ""] + _table(definitions[name])
        for part in parts:
            found += ["**{}**: {}".format(part.replace("_", " "), definitions[part]["description"]), ""]
            found += _table(definitions[part])
    return "\n".join(found)


def _table(definition: Definition) -> List[str]:
    needed = definition.get("required", ())
    rows = ["| `{}`{} | {} | {} |".format(name, "" if name in needed else " (optional)", _kind(one),
                                          one.get("description", "")) for name, one in
            definition["properties"].items()]
    return ["| field | type | meaning |", "|---|---|---|"] + rows + [""]


def _kind(one: Definition) -> str:
    if "const" in one:
        return "`{}`".format(one["const"])
    if "enum" in one:
        return " or ".join("`{}`".format(value) for value in one["enum"])
    if "$ref" in one:
        return str(one["$ref"]).rsplit("/", 1)[1].replace("_", " ")
    if "then" in one:
        return _kind(one["then"]) + " or null"
    if "allOf" in one:
        return _kind(one["allOf"][0])
    kinds = one["type"] if isinstance(one["type"], list) else [one["type"]]
    told = " or ".join(kinds)
    if "items" in one:
        told = told.replace("array", "list of {}".format(_kind(one["items"])))
    return told
