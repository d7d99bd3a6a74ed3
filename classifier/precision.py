"""Which numbers a training multiplies with: bfloat16 where this machine's cores have instructions for it."""

from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")
# Either makes products of bfloat16 about twice as quick as those of float32; without one they are slower.
INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
# The words of `--precision`, and what Keras calls them. Weights, sums and the optimiser are float32 always.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def resolve(precision: str) -> str:
    """ "float32" or "bfloat16" for the word given with `--precision`, which may be "auto"."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_bfloat16() else "float32"


def has_bfloat16(facts: Path = CPU_FACTS) -> bool:
    """Whether this machine multiplies bfloat16 in hardware. What it does not say (not Linux, not x86) it has not."""
    try:
        text = facts.read_text()
    except OSError:
        return False
    flags = (line.partition(":")[2].split() for line in text.splitlines() if line.startswith("flags"))
    return bool(INSTRUCTIONS & set(next(flags, ())))
