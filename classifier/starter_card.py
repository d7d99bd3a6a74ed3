"""The starter's card as a page for people, written from card.json so that the two cannot differ."""

from typing import Any

PAGE = """# The starter version

Sentiment of English chat and developer text: {labels}. A fresh home serves it until a version of your own
is swapped in. This page is written by `make starter` from card.json, which programs read.

- Base: {base}, {base_licence}, sha256 `{base_sha256}`
- Adapter: LoRA of rank {lora} on every dense layer of the encoder, biases, LayerNorms and head, float16,
  sha256 `{adapter_sha256}`
- Training: {training}; seed {seed}; {libraries}

## What it was trained on

| file | rows | licence | source | sha256 |
| --- | --- | --- | --- | --- |
{sources}

The epoch was measured on {valid_file} ({valid_rows} rows, sha256 `{valid_sha256}`).

## How good it is

Macro-F1 on whole sources that a model of the same recipe had not seen; the shipped one was then trained on them too.

| source | {columns} |
| --- | {rules} |
{scores}

On those texts together: accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}, expected calibration error {ece:.3f}
({ece_uncalibrated:.3f} before the temperature {temperature} was fitted on them), Brier score {brier:.3f}. From a
confidence of {threshold:.3f} on it calls itself sure: {coverage:.0%} of the texts, of which {precision:.1%} are right.

Served as int8 (ONNX) it gives {same:.1%} of the {texts:,} texts of {valid_file} the same label as in float32, and
{same_sure:.1%} of those it is sure of; macro-F1 {compiled_f1:.3f} against {keras_f1:.3f}.

## What it is not for

It has learned from Reddit comments, Stack Overflow posts, tweets and product reviews. Irony, other languages and the
words of your trade are not its strength; train a version on your own messages for those. It judges words and not
people: do not use it to rate anybody.
"""
NAMES = {"adapter": "this adapter", "full": "full fine-tune"}


def page(card: dict[str, Any], config: dict[str, Any]) -> str:
    """card.md, from card.json and config.json of the starter."""
    metrics, training, valid = card["metrics"], card["training"], card["validation"]
    agreement = card["serving"]["agreement"]
    runs = [run for run in NAMES if run in card["held_out"]]
    return PAGE.format(
        labels=", ".join(config["labels"]),
        base=card["base"],
        base_licence=card["base_licence"],
        base_sha256=card["base_sha256"],
        adapter_sha256=card["adapter_sha256"],
        lora=training["lora"],
        training=", ".join(f"{name} {value}" for name, value in training.items() if name != "lora"),
        seed=card["seed"],
        libraries=", ".join(f"{name} {number}" for name, number in card["libraries"].items()),
        sources="\n".join(_source_row(source) for source in card["sources"]),
        valid_file=valid["file"],
        valid_rows=f"{valid['rows']:,}",
        valid_sha256=valid["sha256"],
        columns=" | ".join(NAMES[run] for run in runs),
        rules=" | ".join("---" for _ in runs),
        scores="\n".join(
            _score_row(source, [card["held_out"][run][source] for run in runs])
            for source in card["held_out"]["sources"]
        ),
        temperature=config["temperature"],
        texts=agreement["texts"],
        same=agreement["same"],
        same_sure=agreement["same_sure"],
        compiled_f1=agreement["macro_f1"],
        keras_f1=agreement["macro_f1_keras"],
        **metrics["sure"],
        **{name: metrics[name] for name in ("accuracy", "macro_f1", "ece", "ece_uncalibrated", "brier")},
    )


def _score_row(source: str, scores: list[float]) -> str:
    return f"| {source} | {' | '.join(f'{score:.3f}' for score in scores)} |"


def _source_row(source: dict[str, Any]) -> str:
    cells = (source["file"], f"{source['rows']:,}", source["licence"], source["origin"], f"`{source['sha256']}`")
    return f"| {' | '.join(cells)} |"
