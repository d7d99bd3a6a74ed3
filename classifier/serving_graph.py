"""The classifier as an ONNX graph, written from a version's config and weights without TensorFlow.

Two forms of one network: int8 to serve, and float32 with the inputs of every dense layer as further outputs, on which
the int8 form is fitted. Both take input_ids and attention_mask, int32 [batch, tokens], and give logits float32
[batch, labels]. Importing this module loads onnx, so it is imported inside functions only.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from classifier.config import ModelConfig
from classifier.quantisation import DenseInput, round_kernel

# The newest opset every onnxruntime since 1.20 knows, and the matching file format.
OPSET, IR_VERSION = 21, 10
# Operators that only onnxruntime has: fused attention, exact GELU, int8 products with a float32 result.
CONTRIB = "com.microsoft"
# Added to padding before a maximum is taken, as in network.py.
MASKED = np.float32(-1e9)

Tensors = Mapping[str, np.ndarray]


class Graph:
    """Nodes and constants in the order they were added. A value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def constant(self, name: str, values: np.ndarray | np.generic) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def axis(self, number: int) -> str:
        return self.constant(f"axis_{number}", np.array([number], np.int64))

    def node(self, operator: str, inputs: list[str], name: str, *, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; its output has the node's name (further ones `name.1`, `name.2`)."""
        names = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return name

    def contrib(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        return self.node(operator, inputs, name, domain=CONTRIB, **attributes)


class Arithmetic(Protocol):
    """How words are kept and the dense layers and the attention compute; all else is the same in both forms."""

    def words(self, graph: Graph, name: str, table: np.ndarray) -> str:
        """The rows of `table` [words, hidden] that input_ids name."""
        ...

    def dense(self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """`hidden` @ `kernel` [inputs, outputs] + `bias`."""
        ...

    def attention(self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray, heads: int) -> str:
        """Attention over the query, key and value that lie side by side in `kernel`; padding takes no part."""
        ...


class Float32:
    """Plain float32. `taps` is filled with each dense layer's name and the value that goes into it."""

    def __init__(self) -> None:
        self.taps: dict[str, str] = {}

    def words(self, graph: Graph, name: str, table: np.ndarray) -> str:
        return graph.node("Gather", [graph.constant(f"{name}.table", table), "input_ids"], name)

    def dense(self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        self.taps[name] = hidden
        product = graph.node("MatMul", [hidden, graph.constant(f"{name}.kernel", kernel)], f"{name}.product")
        return graph.node("Add", [product, graph.constant(f"{name}.bias", bias)], name)

    def attention(self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray, heads: int) -> str:
        joined = self.dense(graph, name, hidden, kernel, bias)
        query = graph.node("Split", [joined], f"{name}.split", outputs=3, axis=-1, num_outputs=3)
        parts = [query, f"{query}.1", f"{query}.2"]
        return graph.contrib("MultiHeadAttention", [*parts, "", "attention_mask"], f"{name}.context", num_heads=heads)


class Int8:
    """Words as int8, dense layers as int8 products, rounded as `inputs` says for each."""

    def __init__(self, inputs: Mapping[str, DenseInput]) -> None:
        self.inputs = inputs

    def words(self, graph: Graph, name: str, table: np.ndarray) -> str:
        # Half of all weights stand here, and each session holds a copy. Each word has a scale of its own.
        rounded, scales = round_kernel(table.T)
        found = graph.node("Gather", [graph.constant(f"{name}.table", rounded.T), "input_ids"], f"{name}.rounded")
        scale = graph.node("Gather", [graph.constant(f"{name}.scales", scales[:, None]), "input_ids"], f"{name}.scale")
        return graph.node("Mul", [graph.node("Cast", [found], f"{name}.whole", to=TensorProto.FLOAT), scale], name)

    def dense(self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        rounded, scale, zero, weights, scales, shifted = self._operands(graph, name, hidden, kernel, bias)
        return graph.contrib("MatMulIntegerToFloat", [rounded, weights, scale, scales, zero, "", shifted], name)

    def attention(self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray, heads: int) -> str:
        rounded, scale, zero, weights, scales, shifted = self._operands(graph, name, hidden, kernel, bias)
        return graph.contrib(
            "QAttention",
            [rounded, weights, shifted, scale, scales, "attention_mask", zero],
            f"{name}.context",
            num_heads=heads,
        )

    def _operands(
        self, graph: Graph, name: str, hidden: str, kernel: np.ndarray, bias: np.ndarray
    ) -> tuple[str, str, str, str, str, str]:
        how = self.inputs[name]
        if not name.endswith(ATTENTION_OUTPUT):  # there the values carry the factors already
            factors = graph.constant(f"{name}.factors", 1 / how.factors)
            hidden = graph.node("Mul", [hidden, factors], f"{name}.smoothed")
        scale = graph.constant(f"{name}.scale", np.float32(how.scale))
        zero = graph.constant(f"{name}.zero", np.uint8(how.zero))
        rounded = graph.node("QuantizeLinear", [hidden, scale, zero], f"{name}.rounded")
        weights, scales = round_kernel(kernel * how.factors[:, None])
        return (
            rounded,
            scale,
            zero,
            graph.constant(f"{name}.kernel", weights),
            graph.constant(f"{name}.scales", scales),
            graph.constant(f"{name}.bias", bias + how.shift),
        )


ATTENTION_OUTPUT = ".attention"


def dense_kernels(config: ModelConfig, tensors: Tensors) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel [inputs, outputs] and bias of each dense layer of the encoder, by the name it has in the graph."""
    kernels: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for number in range(config.architecture.layers):
        prefix = f"encoder.layer.{number}"
        parts = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
        kernels[f"{prefix}.qkv"] = (
            np.concatenate([tensors[f"{part}.weight"].T for part in parts], axis=1),
            np.concatenate([tensors[f"{part}.bias"] for part in parts]),
        )
        for name, checkpoint in (
            (ATTENTION_OUTPUT, "attention.output.dense"),
            (".inner", "intermediate.dense"),
            (".outer", "output.dense"),
        ):
            weight, bias = (tensors[f"{prefix}.{checkpoint}.{kind}"] for kind in ("weight", "bias"))
            kernels[prefix + name] = weight.T, bias
    return kernels


def values_divided(kernel: np.ndarray, bias: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The joined query, key and value with the values divided by `factors`: the context comes out divided by them too.

    So smoothing the attention's output layer costs nothing when serving.
    """
    hidden = len(factors)
    divisor = np.concatenate([np.ones(2 * hidden, np.float32), factors])
    return kernel / divisor, bias / divisor


def float_graph(config: ModelConfig, tensors: Tensors) -> tuple[bytes, dict[str, str]]:
    """The float32 form, and for each dense layer the name of the output that shows its input."""
    arithmetic = Float32()
    data = _write(config, tensors, dense_kernels(config, tensors), arithmetic, taps=arithmetic.taps)
    return data, arithmetic.taps


def int8_graph(config: ModelConfig, tensors: Tensors, inputs: Mapping[str, DenseInput], *, source: str) -> bytes:
    """The int8 form. `source` is the sha256 of the weights it was made from; the file carries it."""
    kernels = dense_kernels(config, tensors)
    for name in [name for name in kernels if name.endswith(ATTENTION_OUTPUT)]:
        joined = name.removesuffix(ATTENTION_OUTPUT) + ".qkv"
        kernels[joined] = values_divided(*kernels[joined], inputs[name].factors)
    return _write(config, tensors, kernels, Int8(inputs), source=source)


def _write(
    config: ModelConfig,
    tensors: Tensors,
    kernels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    arithmetic: Arithmetic,
    *,
    taps: Mapping[str, str] | None = None,
    source: str = "",
) -> bytes:
    graph = Graph()
    hidden = _embeddings(graph, config, tensors, arithmetic)
    layers = config.architecture.layers
    for number in range(layers):
        # The first token alone is pooled: the others have done their part in the last attention.
        only_first = config.pooling == "cls" and number == layers - 1
        hidden = _layer(graph, config, tensors, kernels, arithmetic, number, hidden, only_first=only_first)
    _head(graph, config, tensors, _pooled(graph, config.pooling, hidden))
    tokens = [helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"]) for name in INPUTS]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(config.labels)])]
    outputs += [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in dict.fromkeys((taps or {}).values())
    ]
    body = helper.make_graph(graph.nodes, "classifier", tokens, outputs, list(graph.constants.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=IR_VERSION, producer_name="clf")
    if source:
        helper.set_model_props(model, {"weights_sha256": source})
    return model.SerializeToString(deterministic=True)


INPUTS = ("input_ids", "attention_mask")


def _embeddings(graph: Graph, config: ModelConfig, tensors: Tensors, arithmetic: Arithmetic) -> str:
    """Word, position and token-type embeddings, summed and normalised. All tokens are of type 0, as in network.py."""
    prefix = "embeddings"
    word = arithmetic.words(graph, f"{prefix}.word", tensors[f"{prefix}.word_embeddings.weight"])
    positions = tensors[f"{prefix}.position_embeddings.weight"][: config.max_length]
    positions = positions + tensors[f"{prefix}.token_type_embeddings.weight"][0]
    width = graph.node("Shape", ["input_ids"], f"{prefix}.width", start=1, end=2)
    table = graph.constant(f"{prefix}.positions", positions)
    position = graph.node("Slice", [table, graph.axis(0), width, graph.axis(0)], f"{prefix}.position")
    summed = graph.node("Add", [word, position], f"{prefix}.sum")
    return _norm(graph, config, tensors, f"{prefix}.LayerNorm", summed)


def _layer(
    graph: Graph,
    config: ModelConfig,
    tensors: Tensors,
    kernels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    arithmetic: Arithmetic,
    number: int,
    hidden: str,
    *,
    only_first: bool,
) -> str:
    prefix, architecture = f"encoder.layer.{number}", config.architecture
    name = f"{prefix}.qkv"
    context = arithmetic.attention(graph, name, hidden, *kernels[name], architecture.heads)
    if only_first:
        first = [graph.constant("first", np.array([0], np.int64))]
        context = graph.node("Gather", [context, *first], f"{prefix}.first_context", axis=1)
        hidden = graph.node("Gather", [hidden, *first], f"{prefix}.first_hidden", axis=1)
    name = prefix + ATTENTION_OUTPUT
    attended = arithmetic.dense(graph, name, context, *kernels[name])
    summed = graph.node("Add", [attended, hidden], f"{prefix}.attention_sum")
    hidden = _norm(graph, config, tensors, f"{prefix}.attention.output.LayerNorm", summed)
    inner = arithmetic.dense(graph, f"{prefix}.inner", hidden, *kernels[f"{prefix}.inner"])
    if architecture.hidden_act == "gelu":
        active = graph.contrib("Gelu", [inner], f"{prefix}.active")
    else:
        active = graph.node("Relu", [inner], f"{prefix}.active")
    outer = arithmetic.dense(graph, f"{prefix}.outer", active, *kernels[f"{prefix}.outer"])
    summed = graph.node("Add", [outer, hidden], f"{prefix}.output_sum")
    return _norm(graph, config, tensors, f"{prefix}.output.LayerNorm", summed)


def _norm(graph: Graph, config: ModelConfig, tensors: Tensors, name: str, hidden: str) -> str:
    # Not onnxruntime's fused SkipLayerNormalization: on 512 tokens that takes five times as long as Add and this.
    gamma, beta = (graph.constant(f"{name}.{kind}", tensors[f"{name}.{kind}"]) for kind in ("weight", "bias"))
    epsilon = config.architecture.layer_norm_eps
    return graph.node("LayerNormalization", [hidden, gamma, beta], name, axis=-1, epsilon=epsilon)


def _pooled(graph: Graph, how: str, hidden: str) -> str:
    """One vector for each text; padding takes no part in the mean and cannot win the maximum."""
    if how == "cls":
        return graph.node("Squeeze", [hidden, graph.axis(1)], "pooled")
    counted = graph.node("Cast", ["attention_mask"], "pooling.mask", to=TensorProto.FLOAT)
    mask = graph.node("Unsqueeze", [counted, graph.axis(2)], "pooling.column")
    if how == "max":
        real = graph.node("Cast", [mask], "pooling.real", to=TensorProto.BOOL)
        kept = graph.node("Where", [real, hidden, graph.constant("pooling.masked", MASKED)], "pooling.kept")
        return graph.node("ReduceMax", [kept, graph.axis(1)], "pooled", keepdims=0)
    kept = graph.node("Mul", [hidden, mask], "pooling.kept")
    total = graph.node("ReduceSum", [kept, graph.axis(1)], "pooling.sum", keepdims=0)
    tokens = graph.node("ReduceSum", [counted, graph.axis(1)], "pooling.tokens", keepdims=1)
    return graph.node("Div", [total, tokens], "pooled")


def _head(graph: Graph, config: ModelConfig, tensors: Tensors, pooled: str) -> None:
    """Float32: it is a thousandth of the work and the last thing between the encoder and the scores."""
    value, last = pooled, len(config.head.hidden)
    for number in range(last + 1):
        name = f"head.{number}"
        weight, bias = (graph.constant(f"{name}.{kind}", tensors[f"{name}.{kind}"]) for kind in ("weight", "bias"))
        if number == last:
            graph.node("Gemm", [value, weight, bias], "logits", transB=1)
        else:
            dense = graph.node("Gemm", [value, weight, bias], name, transB=1)
            value = graph.node("Relu", [dense], f"{name}.active")
