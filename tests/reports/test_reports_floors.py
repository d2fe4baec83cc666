"""Findings below, formats above; decisions on codes and never on the text of a sentence."""

import ast
import os

import pytest

import reports
from reports.formats.files import Format
from reports.formats.registry import FORMATS

HOME = os.path.dirname(reports.__file__)
SEARCHES = ("startswith", "endswith", "find", "index", "count")


def modules(*folder):
    for base, _, names in os.walk(os.path.join(HOME, *folder)):
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(base, name)
                with open(path, encoding="utf-8") as file:
                    yield os.path.relpath(path, HOME), ast.parse(file.read())


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            for alias in node.names:
                yield "{}.{}".format(node.module, alias.name)


def below(name, *packages):
    return any(name == package or name.startswith(package + ".") for package in packages)


def test_no_format_knows_the_record():
    found = [(path, name) for path, tree in modules("formats") for name in imported(tree)
             if below(name, "harness.record", "harness.Run", "harness.load_run")]
    assert found == []


def test_no_finding_knows_a_format_or_a_word():
    found = [(path, name) for path, tree in modules("findings") for name in imported(tree)
             if below(name, "reports.formats", "reports.wording", "harness.reasons.sentence")]
    assert found == []


def is_sentence(node):
    if type(node).__name__ not in ("Constant", "Str"):               # Str is what Python before 3.8 has
        return False
    text = getattr(node, "value", getattr(node, "s", None))
    return isinstance(text, str) and " " in text.strip()


def decisions_on_words(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(is_sentence(one) for one in [node.left] + node.comparators):
            yield node.lineno
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SEARCHES
                and any(is_sentence(one) for argument in node.args for one in ast.walk(argument))):
            yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr == "said":       # words from outside: nobody looks into them
            yield node.lineno


def test_nothing_is_decided_on_the_text_of_a_sentence():
    assert [(path, line) for path, tree in modules() for line in decisions_on_words(tree)] == []


@pytest.mark.parametrize("text", ["'was killed' in reason", "reason.startswith('not measured')", "x == 'cannot tell'",
                                  "reason.endswith(('launches recorded', 'x'))", "'x' if line.said else 'y'"])
def test_the_reader_of_decisions_sees_each_form(text):
    assert list(decisions_on_words(ast.parse(text)))


def test_a_format_is_a_file_and_a_line_of_the_registry(found):
    for one in FORMATS:
        assert isinstance(one, Format)
        assert one.make.__module__ == "reports.formats." + one.make.__module__.rsplit(".", 1)[1]
    assert len({one.make.__module__ for one in FORMATS}) == len(FORMATS)
