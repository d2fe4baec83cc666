"""The families of CPU kernels: each a folder of C++ sources with a library of its own, built when first used.

A suite pays for the families it runs and no other. To add one, add its line to :data:`FAMILIES`. Its library gives
``<name>_interface``, ``<name>_vector_bytes`` and ``<name>_set_pool`` beside its own functions.
"""

from typing import Dict, NamedTuple, Tuple

#: Headers every family may include, beside those of its own folder and of ``common``.
SHARED_HEADERS = ("vec.h", "threads.h")
COMMON_FOLDER = "common"


class Family(NamedTuple):
    """One library: ``folder`` below the CPU sources, the ``units`` to compile, and who takes torch's threads.

    ``flags`` are for the compiler, beside those of every family; ``unflagged`` units are built without them, so that
    families with other flags find their objects made.
    """

    name: str
    folder: str
    units: Tuple[str, ...]
    pools: Tuple[str, ...]
    flags: Tuple[str, ...] = ()
    unflagged: Tuple[str, ...] = ()

    @property
    def functions(self) -> str:
        """What the names of the library's functions begin with."""
        return self.name.split("-")[0]

    @property
    def library(self) -> str:
        """File name of the built library."""
        return "lib{}cpu.so".format(self.name.replace("-", ""))


def _family(name: str, *units: str, **more: object) -> Family:
    folder, pools = str(more.get("folder", name)), more.get("pools", ("set_pool",))
    return Family(name, folder, units, tuple("{}_{}".format(name, pool) for pool in pools))  # type: ignore


def _fused(name: str, element: str, *units: str) -> Family:
    """The fused layer for one type of tensors: who never meets the others does not wait for their compiler.

    Only what reads and writes the tensors differs between the types.
    """
    pools = tuple("wht_set_pool" + part for part in ("", "_backward") + (("_roofs",) if "roofs.cpp" in units else ()))
    unflagged = tuple(unit for unit in units if unit not in TYPED)
    return Family(name, "", units, pools, () if element == "float" else ("-DELEMENT=" + element,), unflagged)


def _operator(engine: str) -> Family:
    """The fused layer, forward only, as a library that another engine loads by itself."""
    return Family("wht-" + engine, "", FORWARD + ("operators/{}.cpp".format(engine),), ("wht_set_pool",))


#: Here and above the unit that takes longest stands first: none waits for it at the end.
FORWARD = ("forward_strided.cpp", "forward_rows_inner.cpp", "forward_strided_inner.cpp", "forward_rows.cpp",
           "forward.cpp")
FUSED = FORWARD[:-1] + ("backward_rows_inner.cpp", "backward_strided_inner.cpp", "backward_rows.cpp",
                        "backward_strided.cpp", "backward.cpp", "forward.cpp")
#: The units that read and write tensors.
TYPED = ("forward_rows.cpp", "forward_strided.cpp", "backward_rows.cpp", "backward_strided.cpp")
FAMILIES: Dict[str, Family] = {family.name: family for family in (
    _family("depthwise", "channels.cpp", "rows.cpp", "depthwise.cpp"),
    _family("ht", "ht.cpp"),
    _family("mf", "mf.cpp"),
    _fused("wht", "float", *(FUSED + ("roofs.cpp",))),
    _fused("wht-bfloat16", "bf16", *FUSED),
    _fused("wht-float16", "fp16", *FUSED),
    _family("debut", "debut.cpp", "narrow.cpp", "stages_two.cpp", "stages_one.cpp"),
    _family("lhc", "lhc.cpp"),
    _family("int8", "int8.cpp"),
    _operator("onnxruntime"),
    _operator("litert"),
    _operator("ncnn"),
)}
