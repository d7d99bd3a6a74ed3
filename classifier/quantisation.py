"""int8 for the encoder's dense layers: how their inputs and kernels are rounded so that little is lost. numpy only.

Kernels are symmetric with one scale for each output. Inputs have one fixed scale and zero point for the whole tensor,
measured beforehand, so that a text's scores do not depend on the texts it shares a batch with. Before rounding, each
input channel is divided by a factor that its kernel row is multiplied with, which moves the outliers of activations
into weights (SmoothQuant, Xiao et al. 2023), and the mean error that is left is taken out of the bias (Nagel et al.
2019, section 4.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import safetensors.numpy

from classifier.errors import VersionRefused

# How much of an outlier moves into the kernel: 0 none, 1 all. Of 0 to 0.9, 0.7 to 0.9 lost least in every layer.
SMOOTHING = 0.8
# Shares of the range that may be kept: what lies outside is cut off, what lies inside is rounded finer.
CLIPS = (0.85, 0.9, 0.95, 1.0)
# A range whose lower end is this close to 0 is kept whole there: GELU never goes below -0.17.
NEAR_ZERO = -0.5
LEVELS = 255
SMALLEST = 1e-5


@dataclass(frozen=True)
class DenseInput:
    """How one dense layer's input is rounded to uint8 and its kernel prepared.

    `factors` float32 [inputs] divide the input; `scale` and `zero` map it to 0..255; `shift` float32 [outputs] is added
    to the bias.
    """

    factors: np.ndarray
    scale: float
    zero: int
    shift: np.ndarray


def fit(rows: np.ndarray, kernel: np.ndarray) -> DenseInput:
    """The rounding that changes the product with `kernel` [inputs, outputs] least.

    `rows` float [tokens, inputs] are real activations, of texts like those that will come.
    """
    factors = smoothing_factors(rows, kernel)
    exact, smoothed = rows @ kernel, rows / factors
    rounded_kernel, scales = round_kernel(kernel * factors[:, None])
    kernel_back = rounded_kernel * scales
    low, high = min(float(smoothed.min()), 0.0), max(float(smoothed.max()), SMALLEST)
    least, best = np.inf, DenseInput(factors, *_scale(low, high), np.zeros(kernel.shape[1], np.float32))
    for clip in CLIPS:
        scale, zero = _scale(low if low > NEAR_ZERO else low * clip, high * clip)
        error = _rounded(smoothed, scale, zero) @ kernel_back - exact
        mean = error.mean(axis=0)
        left = float(np.square(error - mean).mean())
        if left < least:
            least, best = left, DenseInput(factors, scale, zero, -mean.astype(np.float32))
    return best


def smoothing_factors(rows: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """What to divide each input channel by, float32 [inputs], with a geometric mean of 1."""
    activation = np.maximum(np.abs(rows).max(axis=0), SMALLEST)
    weight = np.maximum(np.abs(kernel).max(axis=1), SMALLEST)
    logarithm = SMOOTHING * np.log(activation) - (1 - SMOOTHING) * np.log(weight)
    return np.exp(logarithm - logarithm.mean()).astype(np.float32)


def round_kernel(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A kernel [inputs, outputs] as int8 of that shape and float32 scales [outputs]: their product is the kernel."""
    scales = np.maximum(np.abs(kernel).max(axis=0), 1e-12) / 127
    return np.rint(kernel / scales).astype(np.int8), scales.astype(np.float32)


def _scale(low: float, high: float) -> tuple[float, int]:
    scale = float(np.float32((high - low) / LEVELS))
    return scale, round(-low / scale)


def _rounded(values: np.ndarray, scale: float, zero: int) -> np.ndarray:
    return (np.clip(np.rint(values / scale) + zero, 0, LEVELS) - zero) * scale


def write_inputs(inputs: Mapping[str, DenseInput]) -> bytes:
    """The bytes of a file that read_inputs gives back, a few hundred kB for the default base."""
    tensors: dict[str, np.ndarray] = {}
    for name, item in inputs.items():
        tensors[f"{name}.factors"] = np.ascontiguousarray(item.factors, np.float32)
        tensors[f"{name}.shift"] = np.ascontiguousarray(item.shift, np.float32)
        tensors[f"{name}.range"] = np.array([item.scale, item.zero], np.float32)
    return safetensors.numpy.save({name: tensors[name] for name in sorted(tensors)})


def read_inputs(data: bytes) -> dict[str, DenseInput]:
    """What write_inputs wrote. Raises VersionRefused("quantisation") for anything else."""
    try:
        tensors = safetensors.numpy.load(data)
        names = [name.removesuffix(".range") for name in tensors if name.endswith(".range")]
        return {
            name: DenseInput(
                tensors[f"{name}.factors"],
                float(tensors[f"{name}.range"][0]),
                int(tensors[f"{name}.range"][1]),
                tensors[f"{name}.shift"],
            )
            for name in names
        }
    except Exception as error:  # the library's own error class derives from Exception only
        raise VersionRefused("quantisation", f"The quantisation file cannot be read ({str(error)[:100]}).") from error
