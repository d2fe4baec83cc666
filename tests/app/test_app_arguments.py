"""What is wrong with the arguments is said before any worker is started and torch loaded."""

import resource

import pytest
from brought import call

from harness import Target
from harness.app.arguments import check_selection
from harness.app.registry import load_suite
from harness.meters.choice import make_meter

# Every Python that starts writes a line: sitecustomize is imported by each of them.
SPY = """
import io, os
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "started.txt"), "a") as file:
    with io.open("/proc/self/cmdline", "rb") as words:
        file.write(words.read().replace(b"\\0", b" ").decode("utf-8", "replace") + "\\n")
"""


def cpu_of_children_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def started(folder):
    return (folder / "started.txt").read_text().splitlines()


@pytest.fixture()
def spied(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SPY)
    return tmp_path


@pytest.mark.parametrize("arguments, words", [
    (("run", "papper"), "Did you mean 'paper'?"),
    (("run", "nowhere.py"), "there is no file nowhere.py"),
    (("run", "paper", "--only", "no-such-layer-at-all"), "There is no case matching"),
    (("run", "paper", "--quick", "--device", "cpu", "--threads", "1", "--only", "no-such-layer"), "no case matching"),
    (("run", "--resume", "20200101"), "There is no run '20200101'"),
    (("run", "paper", "--power", "ina"), "there is no meter 'ina'"),
    (("run", "paper", "--power", "nvml", "--device", "cpu"), "nvml sees the GPU alone"),
    (("run", "paper", "--power", "proc"), "meter 'proc' does not measure power"),
    (("run", "paper", "--budget", "soon"), "no duration"),
    (("run", "paper", "--seed", "99999999999999999999"), "not in the range"),
    (("run", "--retry-failed"), "goes with --resume RUN"),
    (("run", "paper", "--fail-on", "5%"), "--fail-on goes with --against"),
    (("run", "paper", "--for-compare", "--quick"), "--for-compare goes without --quick"),
    (("run", "paper", "--for-compare", "--soak", "10m"), "--soak measures something else than time"),
    (("run", "paper", "--soak-block", "5s"), "it goes with --soak"),
    (("run", "paper", "--soak", "10m", "--fit", "4GB"), "--fit and --soak are two different runs"),
    (("run", "paper", "--soak", "10m", "--launches", "2", "--rounds", "20"), "leave out --launches, --rounds"),
    (("run", "paper", "--fit", "4GB", "--budget", "2m"), "--fit measures something else than time"),
    (("run", "paper", "--fit", "4GB", "--power", "rapl"), "measures energy, which one with --fit does not"),
    (("run", "paper", "--for-compare", "--power", "rapl"), "measures energy, which one with --for-compare does not"),
    (("run", "paper", "--fit", "4GB", "--power-modes", "5W"), "the same in every power mode"),
    (("run", "paper", "--soak", "20m"), "add --limit 1260s"),
    (("run", "paper", "--soak", "10s", "--soak-block", "8s"), "holds no two turns of 8 s"),
])
def test_bad_arguments_start_no_worker(spied, arguments, words):
    took_s = []
    while not took_s or took_s[-1] >= 2.0 and len(took_s) < 5:  # others on the core add to it
        before_s = cpu_of_children_s()
        code, text = call(spied, *arguments)
        took_s.append(cpu_of_children_s() - before_s)
        assert code in (1, 2, 3) and words in text and "Traceback" not in text
    assert len(started(spied)) == len(took_s), started(spied)
    assert took_s[-1] < 2.0  # about 0.2 s of work; torch alone takes longer on a board


def test_the_spy_sees_a_worker_where_one_is_started(spied):
    call(spied, "run", "paper", "--device", "cuda", "--only", "wht", "--out", str(spied / "no" / "place"))
    assert any("harness.worker" in line for line in started(spied))


def test_a_pattern_that_fits_on_one_device_only_is_refused_only_for_the_other():
    suite = load_suite("paper")
    cases = {device: {comparison.case_id(case) for comparison in suite.comparisons(Target(device))
                      for case in comparison.cases} for device in ("cpu", "cuda")}
    only = sorted(cases["cuda"] - cases["cpu"])[0]
    check_selection(suite, None, None, False, only)
    check_selection(suite, "cuda", 1, False, only)
    with pytest.raises(ValueError, match="no case matching"):
        check_selection(suite, "cpu", 1, False, only)


def test_a_named_meter_that_is_not_there_ends_it_before_anything_is_measured(tmp_path):
    if make_meter("ina3221").probe()["power"].available:
        pytest.skip("this board has one")
    code, text = call(tmp_path, "run", "paper", "--quick", "--device", "cpu", "--power", "ina3221", "--out",
                      str(tmp_path / "out"))
    assert code == 1 and "--power ina3221: that meter does not answer here" in text and "Traceback" not in text
    assert len(text.strip().splitlines()) == 1 and not (tmp_path / "out").exists()
