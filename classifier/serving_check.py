"""Whether a serving.onnx is the graph of its version's network. Importing this module loads onnx."""

import numpy as np
from onnx import ModelProto

from classifier.config import ModelConfig
from classifier.errors import VersionRefused
from classifier.quantisation import DenseInput
from classifier.serving_graph import Tensors, dense_kernels, int8_graph
from classifier.weights import version_shapes


def check_graph(data: bytes, config: ModelConfig) -> None:
    """Raises VersionRefused("onnx") unless `data` is a graph that serving_graph writes for `config`.

    Same nodes, same constants by name, shape and type, nothing kept outside the file: so a version from elsewhere
    computes this network with other numbers, and nothing else.
    """
    try:
        found = ModelProto.FromString(data)
    except Exception as error:  # protobuf's own DecodeError derives from Exception only
        raise VersionRefused("onnx", "serving.onnx is no ONNX file. Train or import the version again.") from error
    expected = ModelProto.FromString(int8_graph(config, _blank(config), _blank_inputs(config), source="0" * 64))
    for model in (found, expected):
        for constant in model.graph.initializer:
            if constant.external_data or constant.data_location:
                raise VersionRefused("onnx", "serving.onnx refers to another file. Import the version again.")
            constant.ClearField("raw_data")
        del model.metadata_props[:]
    if found != expected:
        raise VersionRefused("onnx", "serving.onnx is not the version's network. Train or import the version again.")


def _blank(config: ModelConfig) -> Tensors:
    # One zero shown in every place: nothing as large as the weights is taken.
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in version_shapes(config).items()}


def _blank_inputs(config: ModelConfig) -> dict[str, DenseInput]:
    kernels = dense_kernels(config, _blank(config))
    return {
        name: DenseInput(np.ones(len(kernel), np.float32), 1.0, 0, np.zeros(len(bias), np.float32))
        for name, (kernel, bias) in kernels.items()
    }
