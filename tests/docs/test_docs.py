"""README, CONTRIBUTING and the other documents say what is so: figures, links, paths, commands, options, lanes."""

import csv
import datetime
import glob
import io
import os
import re
import subprocess

import click
import pytest

import suites
from harness import Case, Suite, load_run
from harness.app.cli import cli

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", os.path.join("results", "README.md"),
             os.path.join("results", "published", "README.md"))
#: An interval as tables and README print it, with as many digits as each likes, with percent signs or without.
INTERVAL = re.compile(r"\[([+-]?\d+(?:\.\d+)?)(?:\s?%)?, ([+-]?\d+(?:\.\d+)?)(?:\s?%)?\]")


def text_of(*path):
    with io.open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def plain(text):
    """Return ``text`` without Markdown's backslashes, and with one kind of minus."""
    return text.replace("\\", "").replace(u"\u2212", "-")


def printed_as(long, short):
    """Whether ``long`` (8.45) may be printed with the digits of ``short`` (8.5 or 8.4)."""
    digits = len(short.partition(".")[2])
    return len(long.partition(".")[2]) >= digits and abs(float(long) - float(short)) <= 0.501 * 10.0 ** -digits


def reported_intervals():
    return [found for path in glob.glob(os.path.join(ROOT, "results", "reference", "*", "**", "*.md"), recursive=True)
            for found in INTERVAL.findall(plain(text_of(path)))]


def test_every_interval_in_the_readme_stands_in_the_report_of_a_reference_run():
    reported = reported_intervals()
    quoted = INTERVAL.findall(plain(text_of("README.md")))
    assert len(quoted) > 10
    unknown = [one for one in quoted if not any(printed_as(low, one[0]) and printed_as(high, one[1])
                                                for low, high in reported)]
    assert unknown == []


def test_the_readmes_tally_of_claims_is_that_of_the_claims_table():
    readme = " ".join(text_of("README.md").split())
    told, path = re.search(r"(\d+ of \d+ claims hold[^(]*)\(\[claims\]\(([^)]+)\)", readme).groups()
    rows = [line.split("|")[3].strip() for line in text_of(path).splitlines()
            if re.match(r"\| [a-z0-9-]+ \| arXiv", line)]
    parts = {"Holds": r"(\d+) of \d+ claims hold", "Holds in part": r"(\d+) holds? in part",
             "Does not hold here": r"(\d+) do(?:es)? not hold", "Cannot be tested": r"(\d+) cannot be tested"}
    found = {word: int((re.findall(pattern, told) or [0])[0]) for word, pattern in parts.items()}
    assert found == {word: rows.count(word) for word in parts}
    assert int(re.findall(r"of (\d+) claims", told)[0]) == len(rows) == sum(found.values())


def test_the_changelog_counts_the_claims_there_are():
    claims = list(csv.DictReader(text_of("results", "published", "claims", "claims.csv").splitlines()))
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"]
    papers = words[len({one["paper"] for one in claims})]
    assert "{} claims of {} papers".format(len(claims), papers) in text_of("CHANGELOG.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file(name):
    folder = os.path.dirname(os.path.join(ROOT, name))
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text_of(name)) if "://" not in link]
    assert [link for link in links if link and not os.path.exists(os.path.join(folder, link))] == []


def test_every_path_that_contributing_names_is_there():
    named = set(re.findall(r"`((?:harness|suites|reports|tests|results|requirements)/[\w./-]*)`",
                           text_of("CONTRIBUTING.md")))
    assert len(named) > 20
    absent = [path for path in sorted(named) if not os.path.exists(os.path.join(ROOT, path))]
    assert [path for path in absent if "/your_" not in path] == []


def commands_block():
    return re.search(r"## Commands\n+```\n(.*?)```", text_of("README.md"), re.DOTALL).group(1)


def options_of(command):
    return {word for one in command.params for word in one.opts + one.secondary_opts}


def test_the_readme_names_every_command_and_no_other():
    named = set(re.findall(r"^\./run_bench\.sh (\w+)", commands_block(), re.MULTILINE))
    assert named == set(cli.commands) | {"setup", "test", "python"}


def test_every_option_in_the_readmes_list_of_commands_is_one():
    known = {name: options_of(command) for name, command in cli.commands.items()}
    known.update(setup={"--runtimes", "--offline", "--find-links"}, test=set(), python=set())  # tests/installation
    command, wrong = "", []
    for line in commands_block().splitlines():
        command = (re.findall(r"^\./run_bench\.sh (\w+)", line) or [command])[0]
        usage = re.split(r"\s{3,}", line.strip())[0]  # what it does follows after a gap
        wrong += [(command, option) for option in re.findall(r"--[a-z-]+", usage) if option not in known[command]]
    assert wrong == []


def commands_in_the_text(*path):
    """Return (command, what it is given) of each command that a document's sentences show; "" where none is named."""
    text = re.sub(r"```.*?```", "", text_of(*path), flags=re.DOTALL)
    for span in re.findall(r"`([^`]+)`", text):
        words = span.replace("./run_bench.sh", "").split()
        if words and (words[0] in cli.commands or words[0].startswith("--")):
            yield words[0] if words[0] in cli.commands else "", words


@pytest.mark.parametrize("path", [("README.md",), ("results", "README.md"), ("CHANGELOG.md",)])
def test_every_option_and_choice_in_the_sentences_is_one_of_its_command(path):
    found, wrong = 0, []
    for name, words in commands_in_the_text(*path):
        params = [one for command in ([cli.commands[name]] if name else cli.commands.values())
                  for one in command.params]
        for at, option in enumerate(words):
            if not option.startswith("--"):
                continue
            found += 1
            taken = [one for one in params if option in one.opts + one.secondary_opts]
            given = words[at + 1].split("|") if at + 1 < len(words) and "|" in words[at + 1] else []
            known = [one for one in taken if not given or set(given) <= set(getattr(one.type, "choices", given))]
            wrong += [(name, option, given)] if not known else []
    assert found > 4 and wrong == []


def test_the_readme_names_every_suite():
    listed = re.search(r"\nSuites: (.*?)\n\n", text_of("README.md"), re.DOTALL).group(1)
    assert set(suites.SUITES) <= set(re.findall(r"`([a-z-]+)`", listed))


def test_each_command_says_in_one_whole_line_what_it_does():
    def every(group):
        for name, command in group.commands.items():
            yield name, command
            if isinstance(command, click.Group):
                for below in every(command):
                    yield below

    cut = [name for name, command in every(cli) if command.get_short_help_str(limit=64).endswith("...")]
    assert cut == []


def test_a_lane_of_ci_that_is_not_there_is_refused():
    ran = subprocess.run(["bash", os.path.join(ROOT, ".ci", "run"), "lnit"], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    assert ran.returncode == 2 and b"there is no lane 'lnit'" in ran.stdout


def test_ci_knows_each_of_its_lanes_by_name():
    script = text_of(".ci", "run")
    named = re.findall(r'^(?:together|alone)="(.*)"$', script, re.MULTILINE)
    assert sorted(re.findall(r"^lane_(\S+)\(\)", script, re.MULTILINE)) == sorted(" ".join(named).split())


def test_contributing_names_the_arguments_of_cases_and_suites_in_their_order():
    text = text_of("CONTRIBUTING.md")
    fields = re.search(r"SUITE = Suite\(([^)]*)\)", text).group(1)
    assert tuple(fields.split(", ")) == Suite._fields[:4]
    layer, form, builder = re.search(r'Case\("(.*?)", "(.*?)", "(.*?)", shape', text).groups()
    case = Case(layer, form, builder, (1, 2))
    assert case.shape == (1, 2) and case.implementation == ""
    assert re.match(r"suites\.builders\.\w+:\w+$", case.builder)


def python_blocks(*path):
    return re.findall(r"```python\n(.*?)```", text_of(*path), re.DOTALL)


def test_the_readmes_layers_run_as_printed_with_the_parameters_it_names():
    code, = [block for block in python_blocks("README.md") if "walsh_hadamard(" in block]
    found = {}
    exec(code, found)
    assert all(found[name].shape == found["x"].shape for name in "yzw")
    layer, convolution = found["WalshHadamard1d"](1024), found["torch"].nn.Conv2d(1024, 1024, 1)
    counts = ["{:,}".format(sum(one.numel() for one in module.parameters())) for module in (layer, convolution)]
    assert "{} parameters instead of {}".format(counts[0].replace(",", ""), counts[1]) in code


def test_the_notebook_lines_of_the_results_readme_run_as_printed(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, = [block for block in python_blocks("results", "README.md") if "load_run" in block]
    smallest = min(glob.glob(os.path.join("results", "reference", "*", "record.jsonl")), key=os.path.getsize)
    run = load_run(os.path.dirname(smallest))
    case = sorted(name for name, cache in run.verdicts() if cache == "hot")[0]
    exec(code.replace("<run id>", run.id).replace("<comparison>/<case>", case), {})
    assert case in capsys.readouterr().out


def minutes_of(run):
    """Return the minutes from the start of a run's only session to its end."""
    begun, ended = (datetime.datetime.strptime(one, "%Y-%m-%dT%H:%M:%SZ")
                    for one in (run.sessions[0].started, run.end.finished))
    return (ended - begun).total_seconds() / 60.0


def test_the_readmes_duration_of_the_default_run_is_that_of_the_newest_reference_run():
    runs = [load_run(folder) for folder in sorted(glob.glob(os.path.join(ROOT, "results", "reference", "*-paper-*")))]
    told = int(re.search(r"default run takes about (\d+) minutes", " ".join(text_of("README.md").split())).group(1))
    newest = minutes_of([run for run in runs if not run.header.settings.quick][-1])
    assert 0.7 * newest < told < 1.4 * newest, "the README says {} minutes, the run took {:.0f}".format(told, newest)


def test_the_results_readme_names_every_table_that_is_written():
    row, = [line for line in text_of("results", "README.md").splitlines() if line.startswith("| `tables/*.csv`")]
    written = re.findall(r'"(\w+)\.csv"', text_of("reports", "formats", "tables.py"))
    assert set(re.findall(r"`(\w+)`", row)) == set(written)


def test_the_oldest_python_is_the_same_everywhere():
    told = [re.search(pattern, text_of(name)).group(1) for name, pattern in (
        ("pyproject.toml", r'requires-python = ">=([\d.]+)"'), ("README.md", r"Python ([\d.]+) or newer"),
        ("CONTRIBUTING.md", r"- Python ([\d.]+) "), ("run_bench.sh", r"no Python ([\d.]+) or newer found"))]
    assert set(told) == {"3.6.2"}
