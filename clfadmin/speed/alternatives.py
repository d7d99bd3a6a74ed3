"""PyTorch, transformers' pipeline and OpenVINO with a version's weights. Imported only where torch is installed."""

# Both are untyped, and not installed where types are checked.
# pyright: basic, reportMissingImports=false, reportCallIssue=false

import itertools
import logging
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import torch
from transformers.modeling_outputs import SequenceClassifierOutput  # noqa: TID253  # this whole file is imported late
from transformers.models.bert.configuration_bert import BertConfig  # noqa: TID253
from transformers.models.bert.modeling_bert import BertModel, BertPreTrainedModel  # noqa: TID253
from transformers.pipelines.text_classification import TextClassificationPipeline  # noqa: TID253
from transformers.tokenization_utils_tokenizers import PreTrainedTokenizerFast  # noqa: TID253

from classifier.config import ModelConfig
from classifier.cpu import has_bfloat16
from classifier.encoding import batches_by_length, pad
from clfadmin.speed.engines import TEXTS, Batch, Engine, Model, NotHere, as_predictor, of_predictor

# transformers says that our class is none of its own.
logging.getLogger("transformers").setLevel(logging.CRITICAL)


class SentimentBert(BertPreTrainedModel):
    """transformers' BERT encoder (attention by scaled_dot_product_attention) with our pooling and head."""

    def __init__(self, config: BertConfig, ours: ModelConfig) -> None:
        super().__init__(config)
        self.pooling = ours.pooling
        self.bert = BertModel(config, add_pooling_layer=False)
        sizes = [ours.architecture.hidden_size, *ours.head.hidden, len(ours.labels)]
        self.head = torch.nn.ModuleList(torch.nn.Linear(before, after) for before, after in itertools.pairwise(sizes))

    def forward(self, input_ids, attention_mask, **_):
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        value = self.pooled(hidden, attention_mask[:, :, None].to(hidden.dtype))
        for layer in self.head[:-1]:
            value = torch.relu(layer(value))
        return SequenceClassifierOutput(logits=self.head[-1](value))

    def pooled(self, hidden, mask):
        if self.pooling == "cls":
            return hidden[:, 0]
        if self.pooling == "max":
            return hidden.masked_fill(mask == 0, -1e9).amax(1)
        return (hidden * mask).sum(1) / mask.sum(1)


def build_module(model: Model, threads: int, dtype: torch.dtype = torch.float32) -> SentimentBert:
    torch.set_num_threads(threads)
    ours, architecture = model.config, model.config.architecture
    config = BertConfig(
        vocab_size=architecture.vocab_size,
        hidden_size=architecture.hidden_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        intermediate_size=architecture.intermediate_size,
        hidden_act=architecture.hidden_act,
        max_position_embeddings=architecture.max_positions,
        type_vocab_size=architecture.type_vocab_size,
        layer_norm_eps=architecture.layer_norm_eps,
        id2label=dict(enumerate(ours.labels)),
        label2id={label: number for number, label in enumerate(ours.labels)},
        attn_implementation="sdpa",
    )
    module = SentimentBert(config, ours)
    tensors = {
        name if name.startswith("head.") else f"bert.{name}": torch.from_numpy(tensor.copy())
        for name, tensor in model.tensors.items()
    }
    module.load_state_dict(tensors)
    return module.eval().to(dtype)


def _forward(module: SentimentBert) -> Callable[..., np.ndarray]:
    def forward(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = module(torch.from_numpy(input_ids).long(), torch.from_numpy(attention_mask).long()).logits
            return logits.float().numpy()

    return forward


def _torch(model: Model, threads: int) -> Engine:
    return of_predictor(as_predictor(model, _forward(build_module(model, threads))), f"torch {version('torch')}")


def _torch_bf16(model: Model, threads: int) -> Engine:
    if not has_bfloat16():
        raise NotHere("this CPU has no bfloat16 instructions")
    module = build_module(model, threads, torch.bfloat16)
    return of_predictor(as_predictor(model, _forward(module)), f"torch {version('torch')}, bfloat16")


def _pipeline(model: Model, threads: int) -> Engine:
    """The library's own way from text to label: its tokenizer class, its batching, its reading of scores."""
    ours = as_predictor(model, _forward(build_module(model, threads)))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=ours.tokenizer,
        model_max_length=model.config.max_length,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    )
    pipeline = TextClassificationPipeline(model=build_module(model, threads), tokenizer=tokenizer, device="cpu")

    def classify(texts: list[str], size: int) -> list[str]:
        return [found["label"] for found in pipeline(texts, batch_size=size, truncation=True)]

    # Lengths are looked up with a tokenizer of its own: the pipeline changes the settings of the one it has.
    lengths = as_predictor(model, ours.forward)
    about = f"transformers {version('transformers')}, torch {version('torch')}"
    return Engine(about, lengths.encode, classify, network=None, sizes=TEXTS, unit="texts")


def _openvino(model: Model, threads: int) -> Engine:
    """One thread a batch and as many batches at once as threads, which serves more than all threads on one batch.

    A single text gets all threads. The product of two numbers is taken in bfloat16 where the CPU can.
    """
    try:
        import openvino
    except ImportError as error:
        raise NotHere("openvino is not installed") from error
    converted = _converted(openvino, model, threads)
    core = openvino.Core()
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    alone = core.compile_model(converted, "CPU", options | {"NUM_STREAMS": 1}).create_infer_request()
    side_by_side = openvino.AsyncInferQueue(core.compile_model(converted, "CPU", options | {"NUM_STREAMS": threads}))

    def forward(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return alone.infer([input_ids.astype(np.int64), attention_mask.astype(np.int64)])[0].copy()

    def network(batches: list[Batch]) -> list[np.ndarray]:
        if len(batches) == 1:
            return [forward(*batches[0])]
        logits: dict[int, np.ndarray] = {}
        side_by_side.set_callback(lambda request, row: logits.update({row: request.get_output_tensor(0).data.copy()}))
        for row, batch in enumerate(batches):
            side_by_side.start_async([part.astype(np.int64) for part in batch], row)
        side_by_side.wait_all()
        return [logits[row] for row in range(len(batches))]

    predictor = as_predictor(model, forward)

    def classify(texts: list[str], size: int) -> list[str]:
        encoded = predictor.encode(texts)
        groups = list(batches_by_length([len(item.ids) for item in encoded], size))
        logits = network([pad([encoded[row] for row in group]) for group in groups])
        best = {
            row: scores.argmax()
            for group, batch in zip(groups, logits, strict=True)
            for row, scores in zip(group, batch, strict=True)
        }
        return [predictor.labels[best[row]] for row in range(len(texts))]

    about = f"openvino {version('openvino')}, {precision}, {threads} streams"
    return Engine(about, predictor.encode, classify, network)


def _converted(openvino, model: Model, threads: int):
    module = build_module(model, threads)

    class Logits(torch.nn.Module):
        """The converter wants tensors, not an output object."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, input_ids, attention_mask):
            return self.inner(input_ids, attention_mask).logits

    # Traced with these; batch and length stay free.
    example = torch.ones((2, 8), dtype=torch.int64)
    with torch.inference_mode():
        return openvino.convert_model(Logits(), example_input={"input_ids": example, "attention_mask": example})


ENGINES: dict[str, Callable[[Model, int], Engine]] = {
    "pipeline": _pipeline,
    "torch": _torch,
    "torch-bf16": _torch_bf16,
    "openvino": _openvino,
}
