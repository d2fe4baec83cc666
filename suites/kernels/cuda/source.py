"""The device sources, each program as one text."""

import io
import os
from typing import Dict, Tuple

#: Programs and the files they are made of, in order.
PROGRAMS: Dict[str, Tuple[str, ...]] = {
    "wht": ("target.cuh", "tile.cuh", "exchange.cuh", "nonlinear.cuh", "kernels.cu"),
    "debut": ("target.cuh", "debut.cuh", "debut.cu"),
    "depthwise": ("target.cuh", "member.cuh", "depthwise.cu"),
    "mf": ("target.cuh", "member.cuh", "mf.cu"),
}


def read(program: str = "wht") -> str:
    """Return the whole source of ``program``, to be compiled with the macros that name one of its kernels."""
    texts = []
    for name in PROGRAMS[program]:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        with io.open(path, encoding="ascii") as file:
            texts.append(file.read())
    return "\n".join(texts)
