"""Runs the compiled form of a version with onnxruntime: (ids, mask) to logits. The only file that imports it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime

from classifier.cpu import cores, has_vnni
from classifier.errors import VersionRefused

# Warnings about the machine, such as a GPU that cannot be probed, help nobody who reads a worker's log.
ERRORS_ONLY = 3
LOGITS = "logits"


def session(data: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """A session over one graph, each operator on that many threads.

    Raises VersionRefused("onnx") when onnxruntime cannot take it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    if not has_vnni():
        # Or int8 products may overflow. With VNNI they can't, but this would take the slower path there too.
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


def forward(data: bytes, *, source: str, labels: int, threads: int) -> Callable[..., np.ndarray]:
    """(ids, mask), int32 [batch, tokens], to logits float32 [batch, labels].

    Each of `threads` computes a share of the texts by itself: threads that share every product spend much of their time
    waiting for each other. `source` is the sha256 of the weights the version has: a graph made from others is refused.
    """
    compiled = session(data, threads=1)
    made_from = compiled.get_modelmeta().custom_metadata_map.get("weights_sha256")
    if made_from != source:
        raise VersionRefused("onnx", "serving.onnx was made from other weights than the version's.")
    if [(output.name, output.shape[-1]) for output in compiled.get_outputs()] != [(LOGITS, labels)]:
        raise VersionRefused("onnx", f"serving.onnx does not give logits of {labels} labels.")
    others = ThreadPoolExecutor(max(1, threads - 1), thread_name_prefix="classifier")

    def logits(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return _run(compiled, [LOGITS], input_ids, attention_mask)[0]

    def shared(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        shares = max(1, min(threads, len(input_ids)))
        ids, masks = (np.array_split(values, shares) for values in (input_ids, attention_mask))
        elsewhere = [others.submit(logits, *share) for share in zip(ids[1:], masks[1:], strict=True)]
        return np.concatenate([logits(ids[0], masks[0]), *(share.result() for share in elsewhere)])

    return shared


def _run(
    compiled: onnxruntime.InferenceSession, outputs: Sequence[str], input_ids: np.ndarray, attention_mask: np.ndarray
) -> list[np.ndarray]:
    values = compiled.run(list(outputs), {"input_ids": input_ids, "attention_mask": attention_mask})
    return [np.asarray(value) for value in values]


def outputs_of(data: bytes) -> Callable[..., list[np.ndarray]]:
    """(output names, ids, mask) to those outputs, all threads: for the float32 form with its further outputs."""
    compiled = session(data, threads=cores())
    return lambda names, input_ids, attention_mask: _run(compiled, names, input_ids, attention_mask)
