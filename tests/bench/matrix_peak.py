"""How many int8 operations a second this machine can do at most, and how many one message needs."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from classifier.config import ModelConfig

Shape = tuple[int, int, int]  # rows, inputs, outputs
# The dense layers of MiniLM and BERT on 512 tokens, and larger ones that flatter the machine.
SHAPES = (
    (512, 384, 1152),
    (512, 384, 1536),
    (512, 1536, 384),
    (512, 768, 3072),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
)
OPSET, IR_VERSION = 21, 10


def multiplier(rows: int, inputs: int, outputs: int, *, threads: int) -> Callable[[], object]:
    """One product of uint8 [rows, inputs] and constant int8 [inputs, outputs], to int32, by onnxruntime."""
    random = np.random.default_rng(0)
    left = random.integers(0, 255, (rows, inputs), np.uint8)
    right = numpy_helper.from_array(random.integers(-127, 127, (inputs, outputs), np.int8), "right")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "peak",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, [rows, inputs])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [rows, outputs])],
        [right],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": left})


class Peak:
    """Best product seen of each shape. `look` belongs between the rounds of what it is compared with."""

    def __init__(self, *, threads: int, shapes: Sequence[Shape] = SHAPES) -> None:
        self._multiply = {shape: multiplier(*shape, threads=threads) for shape in shapes}
        self.best: dict[Shape, float] = {}

    def look(self, times: int = 30) -> None:
        for shape, multiply in self._multiply.items():
            operations = 2 * np.prod(shape, dtype=np.int64)
            for _ in range(times):
                started = time.perf_counter()
                multiply()
                rate = float(operations / (time.perf_counter() - started))
                self.best[shape] = max(self.best.get(shape, 0.0), rate)

    @property
    def operations_per_second(self) -> float:
        return max(self.best.values())


def dense_operations(config: ModelConfig) -> int:
    """Multiplications and additions of the encoder's dense layers for one token. Attention's own products are left out:
    they are not int8."""
    shape = config.architecture
    return 2 * shape.layers * (4 * shape.hidden_size**2 + 2 * shape.hidden_size * shape.intermediate_size)
