"""The command 'calibrate' refuses what it cannot do in one sentence, before anything is measured."""

from click.testing import CliRunner

from harness.app.cli import cli


def test_a_device_that_is_not_there_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    made = CliRunner().invoke(cli, ["calibrate", "--device", "cuda", "--out", str(tmp_path)])
    assert made.exit_code == 1 and "Use --device cpu" in made.output and list(tmp_path.iterdir()) == []
