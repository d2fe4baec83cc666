"""The forms torch can be deployed in: each exact where it can be had, each with a reason where not."""

import pytest
import torch
from engines_here import call, error, made

from suites.runtimes import find_engine

ENGINE = find_engine("torch")


@pytest.mark.parametrize("name", ["conv1x1", "wht1d-two-stage"])
@pytest.mark.parametrize("form", ["channels-last", "prepacked", pytest.param("compiled", marks=pytest.mark.slow),
                                  pytest.param("ahead-of-time", marks=pytest.mark.slow)])
def test_every_form_is_exact(form, name):
    graph, x, reference = made(name, (2, 16, 8, 8), 0)
    reason = ENGINE.why_not(graph, form)
    if reason is not None:
        pytest.skip(reason)
    y, described = call(ENGINE, graph, form, x)
    assert error(y, reference) < 1e-5
    assert described["form"] == form


def test_an_old_torch_and_a_missing_compiler_are_reasons(monkeypatch):
    graph = made("conv1x1", (1, 4, 4, 4), 0)[0]
    monkeypatch.setattr("shutil.which", lambda name: None)
    if hasattr(torch, "compile"):
        assert "sudo apt install g++" in ENGINE.why_not(graph, "compiled")
        monkeypatch.delattr(torch, "compile")
    assert "torch.compile came with torch 2" in ENGINE.why_not(graph, "ahead-of-time")
    assert ENGINE.why_not(graph, "stock") is None
