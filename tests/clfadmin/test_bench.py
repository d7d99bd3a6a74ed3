"""`clfadmin bench`, how rounds become figures, and the page that `make bench` writes."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from classifier.config import Architecture
from clfadmin.speed.contender import KERAS, KINDS, OURS, Contender, Kind, Unavailable
from clfadmin.speed.rounds import Spread, Taken, blocks_of, choose_size, ratio, summary, turn
from tests.bench import matrix_peak, report
from tests.bench.part import REPOSITORY, Part, Table
from tests.clfadmin.conftest import Answer
from tests.tiny_model import tiny_config

MACHINE = {
    "cpu": "Some CPU",
    "cores": 2,
    "flags": ["avx512_vnni"],
    "memory_gb": 8.0,
    "system": "Linux 6 x86_64",
    "python": "3.11.7",
    "libraries": {"numpy": "2.4"},
    "load": 0.1,
}


@pytest.fixture
def compiled(shared_tiny_home: Path) -> Contender:
    contender = Contender(OURS, shared_tiny_home / "models" / "tiny", threads=1)
    yield contender
    contender.close()


def test_bench_shows_what_runs_here_and_names_what_does_not(clfadmin: Callable[..., Answer], shared_tiny_home: Path):
    answer = clfadmin("bench", "--json", "--threads", "1", CLF_HOME=str(shared_tiny_home))
    assert answer.code == 0, answer.err
    found = {one["name"]: one for one in answer.json["contenders"]}
    assert next(iter(found)) == "int8"
    assert {"int8", "keras", "onnxruntime"} <= set(found)
    assert len(found) + len(answer.json["missing"]) == len(KINDS)
    assert found["keras"]["same_labels"] == 1.0
    assert found["onnxruntime"]["same_labels"] == 1.0
    assert all(one["per_second"]["text"]["median"] > 0 for one in found.values())
    assert found["int8"]["ratio"] == {"network": 1.0, "text": 1.0}


def test_bench_refuses_a_file_without_texts(clfadmin: Callable[..., Answer], shared_tiny_home: Path, tmp_path: Path):
    (tmp_path / "empty.csv").write_text("text\n")
    answer = clfadmin("bench", "--data", tmp_path / "empty.csv", CLF_HOME=str(shared_tiny_home))
    assert answer.code == 1
    assert "holds no text" in answer.err


def test_a_contender_tells_the_same_labels_in_any_batch_size(compiled: Contender):
    compiled.ask("give", texts=["great", "the build is awful", "it is today"])
    for size in compiled.sizes:
        # Longest first, whatever the order asked for.
        assert compiled.ask("text", rows=[2, 0, 1], size=size)["labels"] == ["negative", "neutral", "positive"]


def test_padding_counts_up_to_the_longest_text_of_each_batch(compiled: Contender):
    lengths = compiled.ask("give", texts=["good", "good good good", "good"])["lengths"]
    assert lengths == [3, 5, 3]
    assert compiled.ask("padded", rows=[0, 1, 2], size=256) == {"tokens": 15}
    assert compiled.ask("padded", rows=[0, 1, 2], size=6) == {"tokens": 11}


def test_a_batch_size_is_chosen_among_those_on_offer(compiled: Contender):
    compiled.ask("give", texts=["good build"] * 20)
    choose_size(compiled, range(20), tries=1)
    assert compiled.size in compiled.sizes


@pytest.mark.parametrize("kind", [OURS, KERAS])
def test_a_folder_without_a_version_is_told_in_one_line(kind: Kind, tmp_path: Path):
    with pytest.raises(Unavailable, match=r"holds no version") as caught:
        Contender(kind, tmp_path, threads=1)
    assert "\n" not in str(caught.value)


# What the lock of `make bench` lacks is as good as not installed.
WITH_THE_LOCKED_ALONE = """
import sys
from importlib.metadata import packages_distributions

folder, *locked = sys.argv[1:]
distributions = packages_distributions()

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in distributions and not {"clf", *locked} & set(distributions[name]):
            raise ModuleNotFoundError(f"{name} is not locked for make bench")

sys.meta_path.insert(0, Refuse())

from pathlib import Path
from classifier.encoding import encode
from clfadmin.speed.engines import as_predictor, read_model

model = read_model(Path(folder))
predictor = as_predictor(model, lambda ids, mask: None)
print(encode(predictor.tokenizer, ["das ist alles ganz furchtbar kaputt"], languages=("en",))[0].language)
"""


def test_our_half_of_the_other_contenders_needs_nothing_their_environment_lacks(shared_tiny_home: Path):
    lock = (REPOSITORY / "locks/bench.txt").read_text()
    locked = re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)
    folder = shared_tiny_home / "models" / "tiny"
    done = subprocess.run(
        [sys.executable, "-c", WITH_THE_LOCKED_ALONE, str(folder), *locked],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "de\n"), done.stderr


def test_every_block_has_the_same_mix_of_lengths():
    blocks = blocks_of([9, 1, 8, 2, 7, 3, 5], 3)
    assert blocks == [[0, 6], [2, 5], [4, 3]]


def test_everybody_begins_a_round_in_turn():
    assert [turn(3, number) for number in range(3)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]


def test_a_spread_is_a_median_with_its_quartiles():
    assert Spread.of([1.0, 2.0, 3.0, 4.0, 100.0]) == Spread(3.0, 2.0, 4.0)
    assert Spread.of([5.0]) == Spread(5.0, 5.0, 5.0)


def test_a_slow_minute_that_hits_both_leaves_the_ratio_alone():
    assert ratio([900.0, 90.0, 900.0], [300.0, 30.0, 300.0]) == pytest.approx(3.0)


def test_a_summary_compares_with_the_first_and_with_the_right_labels():
    first = Taken({"network": [800.0, 900.0], "text": [700.0, 750.0]}, [[0.002], [0.002]], ["a", "b", "b"])
    other = Taken({"network": [], "text": [350.0, 250.0]}, [[0.010], [0.012]], ["a", "b", "a"])
    found = summary(other, first, ["a", "b", "b"])
    assert found["ratio"] == {"text": 2.5}
    assert found["per_second"]["text"]["median"] == 300.0
    assert found["single_ratio"] == pytest.approx(5.5)
    assert found["single_ms"]["median"] == pytest.approx(11.0)
    assert found["same_labels"] == pytest.approx(2 / 3)


def test_a_message_costs_what_its_dense_layers_multiply():
    """Four square products and two with the inner layer, two operations each, in each layer."""
    shape: Architecture = tiny_config().architecture
    per_layer = 4 * shape.hidden_size**2 + 2 * shape.hidden_size * shape.intermediate_size
    assert matrix_peak.dense_operations(tiny_config()) == 2 * shape.layers * per_layer == 2048


def test_the_peak_of_each_product_is_the_best_seen():
    peak = matrix_peak.Peak(threads=1, shapes=((8, 16, 8), (16, 16, 16)))
    peak.look(3)
    assert set(peak.best) == {(8, 16, 8), (16, 16, 16)}
    assert peak.operations_per_second == max(peak.best.values()) > 0


def test_the_page_names_the_machine_and_every_part_with_its_command():
    table = Table(("contender", "messages/s"), [["ours", "900 (880–910)"], ["theirs | other", "300"]])
    part = asdict(Part("Serving", "python -m tests.bench.serving_speed", ["Some words."], [table])) | {
        "date": "2026-11-23",
        "others": 0.042,
    }
    page = report.page(MACHINE, [part], quick=False)
    assert "| processor | Some CPU, 2 cores |" in page
    assert "| Python | 3.11.7: numpy 2.4 |" in page
    assert "## Serving\n\nSome words.\n\n| contender | messages/s |\n| --- | ---: |\n" in page
    assert "| ours | 900 (880–910) |" in page
    assert "| theirs / other | 300 |" in page
    assert "Measured by `python -m tests.bench.serving_speed`, 2026-11-23; other work took 4% of the machine." in page
    assert "quick pass:" not in page.lower()


def test_a_quick_pass_says_that_it_is_one():
    assert "A quick pass" in report.page(MACHINE, [], quick=True)
