"""`python -m tests.bench.serving_speed [starter|base|processes]`: the network against its alternatives, in one run."""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from classifier.config import ModelConfig
from clfadmin.speed.contender import KINDS, OURS, Contender, running
from clfadmin.speed.rounds import WAYS, Plan, Spread, blocks_of, choose_size, compare
from tests.bench import models, part
from tests.bench.matrix_peak import Peak, dense_operations
from tests.bench.part import Part, Table
from tests.bench.texts import benchmark_texts

COMMAND = "python -m tests.bench.serving_speed"
COLUMNS = (
    "contender",
    "batch",
    "network alone, messages/s",
    "compiled form is",
    "text to label, messages/s",
    "compiled form is",
    "one message, ms (p95)",
    "compiled form is",
    "padding",
    "labels as Keras",
)
HOW = (
    "All contenders take turns on the same texts in one run, each as a process of its own: a round gives every one of "
    "them the same block, in another order each time. Texts are sorted by length and cut at 128 tokens. Each contender "
    "works at its own best batch size, found in a sweep beforehand: padded tokens a batch, for the pipeline texts. "
    "Figures are medians over the rounds with their quartiles; a ratio is the median of the ratios of each round.",
    "*Network alone* starts from token ids; *text to label* counts normalising, tokenising and reading the scores too. "
    "*One message* goes from text to label. PyTorch runs transformers' BertModel (attention by "
    "scaled_dot_product_attention) with our pooling and head around it, once in transformers' own text-classification "
    "pipeline and once on our batches; OpenVINO runs the same module converted, one stream a thread.",
)


def starter(folder: Path, settings: part.Settings) -> Part:
    version = models.install_starter(folder / "home")
    texts, what = benchmark_texts(400 if settings.quick else 2000, settings.data)
    plan = Plan(blocks=4, rounds=2, sweep_blocks=8, singles=20) if settings.quick else Plan()
    peak = Peak(threads=settings.threads)
    peak.look()
    found, missing, tokens = _compared(version.path, texts, plan, settings)
    peak.look()
    return Part(
        title="Serving, the starter model",
        command=f"{COMMAND} starter",
        text=[f"{what}, {tokens:.1f} tokens on average, {settings.threads} threads.", *HOW, *_missing(missing)],
        tables=[_table(found), _peak_table(peak, found[0], version.config, tokens)],
        figures={
            "contenders": found,
            "missing": missing,
            "tokens": tokens,
            "peak": {"x".join(map(str, shape)): rate for shape, rate in peak.best.items()},
            "share_of_peak": _share(peak, found[0], version.config, tokens),
        },
    )


def base(folder: Path, settings: part.Settings) -> Part:
    version = models.install_starter(folder / "home")
    texts, what = benchmark_texts(64 if settings.quick else 240, settings.data)
    models.write_bert_base(folder / "base", version, texts)
    plan = Plan(
        blocks=4, rounds=2 if settings.quick else 6, seconds=60, sweep_blocks=8, singles=8 if settings.quick else 24
    )
    found, missing, tokens = _compared(folder / "base", texts, plan, settings)
    about = f"Random weights: only the speed means anything. {what}, {tokens:.1f} tokens on average, "
    return Part(
        title="Serving, the shape of bert-base-uncased",
        command=f"{COMMAND} base",
        text=[f"{about}{settings.threads} threads. Otherwise as above.", *_missing(missing)],
        tables=[_table(found)],
        figures={"contenders": found, "missing": missing, "tokens": tokens},
    )


def processes(folder: Path, settings: part.Settings) -> Part:
    """One process with all threads against one process a thread."""
    version, threads = models.install_starter(folder / "home"), settings.threads
    texts, what = benchmark_texts(400 if settings.quick else 2000, settings.data)
    with ExitStack() as stack:

        def start(threads: int) -> Contender:
            one = Contender(OURS, version.path, threads=threads)
            stack.callback(one.close)
            return one

        layouts = {f"1 process, {threads} threads": [start(threads)]}
        layouts[f"{threads} processes, 1 thread each"] = [start(1) for _ in range(threads)]
        every = [one for layout in layouts.values() for one in layout]
        answers = [one.ask("give", texts=texts) for one in every]
        blocks = blocks_of(answers[0]["lengths"], 4)
        for one in every:
            choose_size(one, blocks[0], tries=1)
        rates = _layout_rates(layouts, blocks, rounds=4 if settings.quick else 16)
    rows = [[name, *(str(Spread.of(rates[name][way])) for way in WAYS)] for name in layouts]
    return Part(
        title="One process or several",
        command=f"{COMMAND} processes",
        text=[f"The compiled form, {what}; each layout gets the same block in turn, several processes a share each."],
        tables=[Table(("layout", "network alone, messages/s", "text to label, messages/s"), rows)],
        figures=rates,
    )


def _layout_rates(
    layouts: dict[str, list[Contender]], blocks: Sequence[Sequence[int]], *, rounds: int
) -> dict[str, dict[str, list[float]]]:
    rates = {name: {way: [] for way in WAYS} for name in layouts}
    for number in range(rounds):
        rows = blocks[number % len(blocks)]
        for way in WAYS:
            for name, layout in layouts.items():
                shares = [rows[start :: len(layout)] for start in range(len(layout))]
                started = time.perf_counter()
                for one, share in zip(layout, shares, strict=True):
                    one.send(way, rows=list(share), size=one.size)
                for one in layout:
                    one.receive()
                rates[name][way].append(len(rows) / (time.perf_counter() - started))
    return rates


def _compared(
    folder: Path, texts: list[str], plan: Plan, settings: part.Settings
) -> tuple[list[dict[str, Any]], dict[str, str], float]:
    """The documents of the contenders, why others are missing, and tokens a text."""
    with running(KINDS, folder, threads=settings.threads, other_python=settings.other_python) as (contenders, missing):
        if not contenders or contenders[0].kind is not OURS:
            raise SystemExit(f"nothing to compare with: {missing[OURS.title]}")
        found = compare(contenders, texts, plan, lambda done, total, note: part.say(f"{done:.0f}/{total:.0f} {note}"))
        lengths = contenders[0].ask("give", texts=texts)["lengths"]
    return found, missing, statistics.mean(lengths)


def _share(peak: Peak, ours: dict[str, Any], config: ModelConfig, tokens: float) -> float:
    needed = tokens * dense_operations(config) * ours["per_second"]["network"]["median"]
    return needed / peak.operations_per_second


def _peak_table(peak: Peak, ours: dict[str, Any], config: ModelConfig, tokens: float) -> Table:
    rows = [
        [f"best product of {' x '.join(map(str, shape))}", f"{rate / 1e9:,.0f}"] for shape, rate in peak.best.items()
    ]
    used = peak.operations_per_second * _share(peak, ours, config, tokens)
    rows.append(["dense layers while serving (network alone)", f"{used / 1e9:,.0f}"])
    rows.append(["**share of the best product**", f"**{_share(peak, ours, config, tokens):.0%}**"])
    return Table(("uint8 x int8 by onnxruntime (MatMulInteger)", "10^9 operations/s"), rows)


def _table(found: Sequence[dict[str, Any]]) -> Table:
    return Table(COLUMNS, [_row(one) for one in found])


def _row(one: dict[str, Any]) -> list[str]:
    cells = [f"{one['title']} ({one['about']})", f"{one['batch']['size']:,} {one['batch']['unit']}"]
    for way in WAYS:
        known = way in one["per_second"]
        cells += [str(Spread(**one["per_second"][way])), _times(one["ratio"][way])] if known else ["", ""]
    single = one["single_ms"]
    cells += [f"{single['median']:.1f} ({single['p95']:.1f})", _times(one["single_ratio"])]
    return [*cells, f"{one['padding']:.1%}", f"{one['same_labels']:.1%}"]


def _times(ratio: float) -> str:
    return "" if ratio == 1 else f"{ratio:.2f} times as fast"


def _missing(missing: dict[str, str]) -> list[str]:
    return [f"Not measured: {', '.join(f'{title} ({why})' for title, why in missing.items())}."] if missing else []


PARTS = {"starter": starter, "base": base, "processes": processes}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
            part.write(name, PARTS[name](Path(folder), part.settings()))


if __name__ == "__main__":
    main()
