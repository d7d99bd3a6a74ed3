"""What the processor offers: the cores we may use, and the instructions that decide how fast products are."""

import os
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")
# Sums of int8 products in 32 bits at once. Without them two products are added in 16 bits first, which can overflow.
VNNI = {"avx512_vnni", "avx_vnni"}
# Either makes products of bfloat16 about twice as quick as those of float32; without one they are slower.
BFLOAT16 = {"avx512_bf16", "amx_bf16"}


def cores() -> int:
    """Cores of the machine, or fewer where a container or `taskset` allows fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_vnni(facts: Path = CPU_FACTS) -> bool:
    """Whether this machine adds up int8 products in hardware. What it does not say (not Linux, not x86) it has not."""
    return bool(VNNI & instructions(facts))


def has_bfloat16(facts: Path = CPU_FACTS) -> bool:
    """Whether this machine multiplies bfloat16 in hardware. What it does not say (not Linux, not x86) it has not."""
    return bool(BFLOAT16 & instructions(facts))


def instructions(facts: Path = CPU_FACTS) -> set[str]:
    """The processor's flags as Linux names them; empty on a system that does not tell."""
    return set(field("flags", facts).split())


def field(name: str, facts: Path = CPU_FACTS) -> str:
    """The first value of that name in a file of `name: value` lines; empty where there is none."""
    try:
        lines = facts.read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":")[::2] for line in lines)
    return next((value.strip() for key, value in pairs if key.strip() == name), "")
