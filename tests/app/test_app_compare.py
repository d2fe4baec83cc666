"""The command 'compare': what it says of wrong arguments, with a status that is no answer."""

import os

import pytest
from click.testing import CliRunner

from harness.app import measuring, reading
from harness.app.cli import cli
from harness.settings import parse_share

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFERENCE = sorted(os.listdir(os.path.join(ROOT, "results", "reference")))[0]


def call(*arguments):
    found = CliRunner().invoke(cli, ["compare"] + list(arguments))
    return found.exit_code, found.output


@pytest.mark.parametrize("arguments, told", [
    (["no-such-run", "no-such-run"], "no-such-run"),
    ([REFERENCE, REFERENCE, "--fail-on", "much"], "'much' is no share: write 5%"),
    ([REFERENCE, REFERENCE, "--format", "xml"], "xml"),
    ([], "Missing argument"),
    ([REFERENCE, REFERENCE, "--formt", "csv"], "--formt")])
def test_what_is_wrong_with_the_arguments_is_status_3_and_never_slower_or_cannot_tell(arguments, told):
    status, text = call(*arguments)
    assert status == 3
    assert told in text


@pytest.mark.parametrize("arguments, status", [
    (["--against", "HEAD", "--launches", "0"], 3), (["--against=HEAD", "--fail-on", "much"], 3), (["--against"], 3),
    (["--launches", "0"], 2)])
def test_a_wrong_option_beside_against_is_no_answer_either(arguments, status):
    assert CliRunner().invoke(cli, ["run", "layers"] + arguments).exit_code == status


@pytest.mark.parametrize("command", [["compare", "a", "b"], ["run", "--resume", "a"], ["report", "a"]])
def test_ctrl_c_at_any_time_is_130_and_no_answer(command, monkeypatch):
    def stopped(*names):
        raise KeyboardInterrupt

    for module in (measuring, reading):
        monkeypatch.setattr(module, "find_run", stopped)
    assert CliRunner().invoke(cli, command).exit_code == 130


def test_a_run_under_reference_is_found_by_its_name_and_is_itself(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert call(REFERENCE, REFERENCE)[0] == 0


@pytest.mark.parametrize("text, share", [("5%", 0.05), ("5 %", 0.05), ("2.5", 0.025), ("300%", 3.0)])
def test_a_share_is_read_in_percent(text, share):
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "5%%", "-1%", "0", "nan", "inf%", "1000%"])
def test_what_is_no_share_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no share: write 5%"):
        parse_share(text)
