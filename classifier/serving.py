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
# Pieces of a batch for each thread: the fewer texts in one, the less of it is padding, and no thread waits long for the
# last one. With more of them the products get too small.
PIECES = 4


def session(data: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    """A session over one graph, each operator on that many threads, none of which wait busily once a run has ended.

    Raises VersionRefused("onnx") when onnxruntime cannot take it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.add_session_config_entry("session.force_spinning_stop", "1")
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

    Each of `threads` computes texts of its own: threads that share a product wait for each other after every one. Only
    a text that comes alone is computed by all of them together, in a session for that.
    `source` is the sha256 of the weights the version has: a graph made from others is refused.
    """
    compiled = session(data, threads=1)
    made_from = compiled.get_modelmeta().custom_metadata_map.get("weights_sha256")
    if made_from != source:
        raise VersionRefused("onnx", "serving.onnx was made from other weights than the version's.")
    if [(output.name, output.shape[-1]) for output in compiled.get_outputs()] != [(LOGITS, labels)]:
        raise VersionRefused("onnx", f"serving.onnx does not give logits of {labels} labels.")
    together = session(data, threads=threads) if threads > 1 else compiled
    others = ThreadPoolExecutor(max(1, threads - 1), thread_name_prefix="classifier")

    def logits(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        if len(input_ids) == 1:
            return _run(together, [LOGITS], input_ids, attention_mask)[0]
        pieces = min(threads * PIECES, len(input_ids))
        split = [np.array_split(values, pieces) for values in (input_ids, attention_mask)]
        todo = iter(list(zip(range(pieces), *split, strict=True)))  # each is taken once, whichever thread asks
        answers = [np.empty(0)] * pieces

        def work() -> None:
            for piece, ids, mask in todo:
                width = mask.any(axis=0).sum()
                answers[piece] = _run(compiled, [LOGITS], ids[:, :width], mask[:, :width])[0]

        helpers = [others.submit(work) for _ in range(min(threads, pieces) - 1)]
        work()
        for helper in helpers:
            helper.result()
        return np.concatenate(answers)

    return logits


def _run(
    compiled: onnxruntime.InferenceSession, outputs: Sequence[str], input_ids: np.ndarray, attention_mask: np.ndarray
) -> list[np.ndarray]:
    values = compiled.run(list(outputs), {"input_ids": input_ids, "attention_mask": attention_mask})
    return [np.asarray(value) for value in values]


def outputs_of(data: bytes) -> Callable[..., list[np.ndarray]]:
    """(output names, ids, mask) to those outputs, all threads: for the float32 form with its further outputs."""
    compiled = session(data, threads=cores())
    return lambda names, input_ids, attention_mask: _run(compiled, names, input_ids, attention_mask)
