"""Adapters: a fine-tuning small enough to ship, as what has to be added to a base checkpoint. numpy only.

One safetensors file, float16. Under the name of each tensor that changed lie either NAME.delta, which is added, or
NAME.lora_a [in, rank] and NAME.lora_b [rank, out], whose product's transpose is added (Hu et al. 2021). Tensors of the
head, which no base has, lie there under their own names.
"""

from collections.abc import Mapping

import numpy as np
import safetensors.numpy

from classifier.errors import VersionRefused

DELTA, LORA_A, LORA_B = ".delta", ".lora_a", ".lora_b"


def merge(base: Mapping[str, np.ndarray], adapter: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of the fine-tuned network, float32. Raises VersionRefused("adapter") for parts that fit nothing."""
    tensors = {name: np.array(values, np.float32) for name, values in base.items()}
    for part, values in adapter.items():
        name, kind = part.rpartition(".")[0], part[part.rfind(".") :]
        if kind == DELTA:
            tensors[_known(name, tensors)] += values.astype(np.float32)
        elif kind == LORA_B:
            down = adapter[name + LORA_A].astype(np.float32)
            tensors[_known(name, tensors)] += (down @ values.astype(np.float32)).T
        elif kind != LORA_A:
            tensors[part] = values.astype(np.float32)
    return tensors


def _known(name: str, tensors: Mapping[str, np.ndarray]) -> str:
    if name not in tensors:
        raise VersionRefused("adapter", f"The adapter changes {name!r}, which the base does not have.")
    return name


def adapter_of(
    base: Mapping[str, np.ndarray],
    tuned: Mapping[str, np.ndarray],
    factors: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> dict[str, np.ndarray]:
    """The adapter that takes `base` to `tuned`, float16. `factors` are LoRA's a and b by the tensor they belong to."""
    adapter: dict[str, np.ndarray] = {}
    for name, (down, up) in factors.items():
        adapter[name + LORA_A], adapter[name + LORA_B] = down, up
    for name, values in tuned.items():
        if name not in base:
            adapter[name] = values
        elif name not in factors and not np.array_equal(values, base[name]):
            adapter[name + DELTA] = values - base[name]
    return {name: np.ascontiguousarray(values, np.float16) for name, values in sorted(adapter.items())}


def write_adapter(adapter: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of the adapter's file, the same for the same tensors."""
    return safetensors.numpy.save({name: adapter[name] for name in sorted(adapter)})


def read_adapter(data: bytes) -> dict[str, np.ndarray]:
    """The tensors in an adapter's file, whose sha256 was checked before."""
    return safetensors.numpy.load(data)
