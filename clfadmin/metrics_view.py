"""The measures of a version as tables for people, the same after `train` and `evaluate`."""

from collections.abc import Mapping
from typing import Any

from clfadmin import console


def show_metrics(metrics: Mapping[str, Any]) -> None:
    """Scores by label, the confusion matrix, and one line each on quality, honesty and sureness."""
    console.say(f"{metrics['version']} on {metrics['data']['name']} ({metrics['data']['n']:,} texts)")
    console.say("")
    _show_labels(metrics)
    console.say("")
    console.say(f"accuracy {_percent(metrics['accuracy'])}, macro-F1 {metrics['macro_f1']:.3f}")
    console.say(
        f"calibration error {metrics['ece']:.3f} (before calibration {metrics['ece_uncalibrated']:.3f}), "
        f"Brier {metrics['brier']:.3f}, log-likelihood loss {metrics['nll']:.3f}"
    )
    console.say(_sure(metrics["sure"]))


def _show_labels(metrics: Mapping[str, Any]) -> None:
    """One table: the scores of each label, then what its texts were taken for."""
    labels: list[str] = metrics["confusion"]["labels"]
    matrix: list[list[int]] = metrics["confusion"]["matrix"]
    predicted = [f"→ {label}" for label in labels]
    numbers = ["precision", "recall", "F1", "texts", *predicted]
    rows: list[list[str]] = []
    for label, taken_for in zip(labels, matrix, strict=True):
        scores = metrics["per_label"][label]
        shown = [f"{scores[name]:.3f}" for name in ("precision", "recall", "f1")]
        rows.append([label, *shown, f"{scores['support']:,}", *(f"{count:,}" for count in taken_for)])
    console.table(["label", *numbers], rows, right=numbers)


def _sure(sure: Mapping[str, Any]) -> str:
    start = f"sure (confidence from {sure['threshold']:.2f} on): {_percent(sure['coverage'])} of the texts"
    return start if sure["precision"] is None else f"{start}, {_percent(sure['precision'])} of them right"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
