"""Runs the compiled form of a version with onnxruntime: (ids, mask) to logits. The only file that imports it."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime

from classifier.errors import VersionRefused

# Warnings about the machine, such as a GPU that cannot be probed, help nobody who reads a worker's log.
ERRORS_ONLY = 3
LOGITS = "logits"


def session(data: bytes, *, threads: int | None = None) -> onnxruntime.InferenceSession:
    """A session over one graph. Raises VersionRefused("onnx") when onnxruntime cannot take it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    # Where the CPU lacks VNNI, int8 products may overflow; with this onnxruntime takes a slower, exact path there.
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(
            data,
            options,
            providers=["CPUExecutionProvider"],
            # The fused form is slower than what it replaces, see serving_graph.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    # onnxruntime's own errors have no common class but Exception.
    except Exception as error:
        raise VersionRefused("onnx", f"onnxruntime cannot load the graph: {str(error)[:200]}") from error


def forward(data: bytes, *, source: str, labels: int, threads: int | None = None) -> Callable[..., np.ndarray]:
    """(ids, mask), int32 [batch, tokens], to logits float32 [batch, labels].

    `source` is the sha256 of the weights the version has: a graph made from others is refused.
    """
    compiled = session(data, threads=threads)
    made_from = compiled.get_modelmeta().custom_metadata_map.get("weights_sha256")
    if made_from != source:
        raise VersionRefused("onnx", "serving.onnx was made from other weights than the version's.")
    if [(output.name, output.shape[-1]) for output in compiled.get_outputs()] != [(LOGITS, labels)]:
        raise VersionRefused("onnx", f"serving.onnx does not give logits of {labels} labels.")
    return lambda input_ids, attention_mask: _run(compiled, [LOGITS], input_ids, attention_mask)[0]


def _run(
    compiled: onnxruntime.InferenceSession, outputs: Sequence[str], input_ids: np.ndarray, attention_mask: np.ndarray
) -> list[np.ndarray]:
    values = compiled.run(list(outputs), {"input_ids": input_ids, "attention_mask": attention_mask})
    return [np.asarray(value) for value in values]


def outputs_of(data: bytes) -> Callable[..., list[np.ndarray]]:
    """(output names, ids, mask) to those outputs, all threads: for the float32 form with its further outputs."""
    compiled = session(data)
    return lambda names, input_ids, attention_mask: _run(compiled, names, input_ids, attention_mask)
