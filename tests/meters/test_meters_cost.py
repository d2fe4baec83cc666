"""The cost of sampling is measured on the process that samples."""

import subprocess
import sys
import time

from harness.meters import cost
from harness.system.processes import cpu_seconds
from harness.system.tree import Tree


def test_a_process_that_only_computes_is_charged_a_whole_core():
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.1)
        begin_s, before_s = time.process_time(), cpu_seconds(child.pid, Tree())
        wall_s = time.monotonic()
        time.sleep(0.3)
        share = (cpu_seconds(child.pid, Tree()) - before_s) / (time.monotonic() - wall_s)
    finally:
        child.kill()
        child.wait()
    assert 0.1 < share <= 1.1  # the machine may be shared
    assert time.process_time() - begin_s < 0.3  # and the one that only waits is not


def test_ten_readings_a_second_cost_little_and_the_rate_is_kept(tmp_path):
    cost.make_fake_nano(str(tmp_path))
    found = cost.measure_cost("ina3221", str(tmp_path), 0.1, 0.8)
    assert 5 <= found.readings_per_s <= 12
    assert 0 < found.share_of_core < 0.05  # about 0.003 on an idle machine; loose, for a busy one


def test_the_answer_is_one_sentence_with_the_share(capsys):
    assert cost.main(["--seconds", "0.3", "--meter", "proc"]) == 0
    assert "% of one core at" in capsys.readouterr().out


def test_a_meter_that_is_not_here_gives_its_reason(capsys):
    assert cost.main(["--seconds", "0.3", "--meter", "wattmeter"]) == 1
    assert "choose one of" in capsys.readouterr().out
