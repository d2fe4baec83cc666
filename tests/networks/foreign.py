"""torchvision's networks, where it is installed."""

import pytest
import torch

#: Schemas that torchvision's import wants. Its own are in a library that a build for CUDA beside a torch for the CPU
#: cannot load; no classification network uses them.
OPERATORS = ("nms", "qnms")


def models():
    """Return ``torchvision.models``, or skip the test with the reason."""
    try:
        return _import()
    except ImportError as error:
        return pytest.skip("needs torchvision (extra test-networks): {}".format(error))
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in OPERATORS:
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        models.library = library  # the schemas go with their library
        return _import()


def _import():
    from torchvision import models as found
    return found
