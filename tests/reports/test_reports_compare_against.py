"""What ``run --against`` ends with: a line for each layer, and the exit status."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import RecordBuilder, layer

from harness.plan import Comparison
from harness.words import State
from reports import against
from reports.exit_codes import CANNOT_TELL, FINE, SLOWER, UNREADABLE, Answer, status

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def made(folder, speeds, commit=COMMIT, wrong=(), **more):
    """A run of one layer for each of ``speeds``, the old version's time over the present one's."""
    comparisons = []
    for index in range(len(speeds)):
        case = layer("WHT", "form {}".format(index))
        comparisons.append(Comparison("c{}".format(index), "Layer {}".format(index),
                                      case._replace(version=COMMIT[:10]), (case,)))
    build = RecordBuilder(folder, comparisons, ident=os.path.basename(str(folder)), against=commit)
    for one, speed in zip(comparisons, speeds):
        bad = [one.rivals[0].slug] if one.id in wrong else []
        build.verify(one.id, wrong=bad)
        if not bad:
            build.time(one.id, {one.baseline.slug: 1e-3, one.rivals[0].slug: 1e-3 / speed}, **more)
    build.end()
    return str(folder)


def call(capsys, *arguments):
    found = against.main(list(arguments))
    captured = capsys.readouterr()
    return found, captured.out + captured.err


@pytest.mark.parametrize("speeds, told, words", [
    ((1.0,), FINE, "same"), ((1.3,), FINE, "faster"), ((1.0, 0.8), SLOWER, "1.25\u00d7 slower"),
    ((1.02, 1.3), CANNOT_TELL, "cannot tell")])
def test_the_status_is_that_of_the_worst_layer(speeds, told, words, tmp_path, capsys):
    found, text = call(capsys, made(tmp_path / "run", speeds, noise=0.001, rounds=40))
    assert found == told
    assert words in text and COMMIT in text


def test_what_became_slower_is_said_first(tmp_path, capsys):
    _, text = call(capsys, made(tmp_path / "run", (1.0, 1.3, 0.8), noise=0.004))
    assert [line.split(":")[0][2:] for line in text.strip().split("\n")[1:]] == ["Layer 2", "Layer 1", "Layer 0"]


def test_a_slowdown_below_the_one_that_counts_is_fine_where_more_is_ruled_out(tmp_path, capsys):
    folder = made(tmp_path / "run", (0.94,), noise=0.004)
    assert call(capsys, folder)[0] == SLOWER
    assert call(capsys, folder, "--fail-on", "20%")[0] == FINE
    assert call(capsys, folder, "--fail-on", "5%")[0] == SLOWER


def test_a_layer_that_is_wrong_cannot_be_told(tmp_path, capsys):
    found, text = call(capsys, made(tmp_path / "run", (1.3, 1.3), wrong=["c1"]))
    assert found == CANNOT_TELL and "wrong" in text


def test_a_run_made_without_another_version_is_status_3(tmp_path, capsys):
    found, text = call(capsys, made(tmp_path / "run", (1.0,), commit=None))
    assert found == UNREADABLE and "was not made with --against" in text


def test_a_folder_without_a_run_is_status_3(tmp_path, capsys):
    assert call(capsys, str(tmp_path))[0] == UNREADABLE


# The status ------------------------------------------------------------------------------------------------


SPEEDS = st.floats(0.2, 5.0)
ANSWERS = st.lists(st.builds(lambda state, speed, width: Answer(state, speed, speed / width), st.sampled_from(
    [State.FASTER, State.SLOWER, State.SAME, State.UNCHANGED, State.CANNOT_TELL]), SPEEDS, st.floats(1.0, 2.0)),
    min_size=1, max_size=6)


def test_no_answer_at_all_cannot_be_told():
    assert status([]) == CANNOT_TELL


@given(ANSWERS)
def test_without_a_share_only_the_states_count(answers):
    states = [one.state for one in answers]
    assert status(answers) == (SLOWER if State.SLOWER in states else
                               CANNOT_TELL if State.CANNOT_TELL in states else FINE)


@given(ANSWERS, st.floats(0.01, 3.0))
def test_fine_with_a_share_means_that_no_interval_reaches_it(answers, share):
    if status(answers, share) == FINE:
        assert all(1.0 / one.low - 1.0 < share for one in answers)


@given(ANSWERS, st.floats(0.01, 3.0), st.floats(1.01, 3.0))
def test_a_larger_share_is_never_stricter(answers, share, more):
    order = [FINE, CANNOT_TELL, SLOWER]
    assert order.index(status(answers, share * more)) <= order.index(status(answers, share))
