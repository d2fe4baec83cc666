"""The roof of a roofline is measured on the device at hand and says by what."""

from suites import roof


def test_the_roof_is_the_best_of_what_was_tried_and_names_it(monkeypatch):
    monkeypatch.setattr(roof, "COPY_BYTES", 1 << 20)
    monkeypatch.setattr(roof, "SIDE", 64)
    found = roof.measure("cpu", 1)
    assert found["flops_per_s"] > 1e8 and found["bytes_per_s"] > 1e8
    assert found["flops_by"] in ("torch.mm", "1x1 convolution", "multiply-add loop")
    assert found["bytes_by"] in ("torch copy", "copy past the caches")
