"""The README's lines on networks run as they are printed."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_the_readmes_surgery_runs_as_printed_with_the_counts_it_names(capsys):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
    code, = [block for block in blocks if "from suites.networks import" in block]
    found = {}
    exec(code, found)
    assert "WalshHadamard1d" in capsys.readouterr().out
    counted = [found["count_parameters"](net, convention="keras")
               for net in (found["net"], found["build"]("mobilenet_v2", num_classes=10))]
    assert "# {}, from {}\n".format(*counted) in code
