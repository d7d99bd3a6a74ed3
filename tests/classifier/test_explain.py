"""Which words a label hangs on: parts of the original Slack text, and how much it loses without them."""

from itertools import pairwise

import pytest

from classifier.explain import LEAST, SHOWN, explain, spans_of
from classifier.predictor import load_predictor
from classifier.registry import Registry
from tests.worker.keyword_model import KeywordPredictor


@pytest.fixture(scope="module")
def predictor(shared_tiny_home):
    return load_predictor(Registry(shared_tiny_home).get("tiny"))


def words(model, text: str, label: str) -> list[str]:
    return [text[one.start : one.end] for one in explain(model, text, label)]


def test_the_word_that_makes_the_label_comes_first_with_what_is_lost_without_it(predictor):
    text = "<@U1> the build is awful today"
    first, *_ = explain(predictor, text, "negative")
    assert text[first.start : first.end] == "awful"
    with_it, without = predictor.classify([text, "<@U1> the build is  today"])
    assert first.weight == pytest.approx(with_it.scores["negative"] - without.scores["negative"], abs=1e-4)
    assert first.weight > 0.3


def test_a_word_that_speaks_against_the_label_has_a_weight_below_zero():
    model = KeywordPredictor()
    weights = {text: one.weight for one in explain(model, "bad bad good", "negative") for text in [one]}
    assert min(weights.values()) < -LEAST
    assert max(weights.values()) > LEAST


def test_of_two_words_that_say_the_same_neither_is_missed(predictor):
    """What occlusion cannot see; docs and window name it by what it is."""
    alone = explain(predictor, "it is awful", "negative")[0].weight
    twice = explain(predictor, "it is awful awful", "negative")
    assert all(abs(one.weight) < alone / 2 for one in twice)


@pytest.mark.parametrize("text", ["", "  \n", "```code only```", "the the the"])
def test_a_text_in_which_nothing_stands_out_has_no_words(predictor, text):
    label = predictor.classify([text])[0].label
    assert explain(predictor, text, label) == []


def test_a_long_text_costs_a_bounded_number_of_readings_and_the_one_word_is_still_found():
    model = KeywordPredictor()
    text = " ".join(f"word{number}" for number in range(700)) + " awful " + "and " * 500
    assert words(model, text, "negative")[0] == "awful"
    assert sum(model.batches) < 80, "not once for each of 1,200 words"


def test_words_that_only_work_together_are_shown_together():
    class Pair(KeywordPredictor):
        """Negative only where both words stand side by side: either alone is as good as both."""

        def _prediction(self, row):
            return super()._prediction(["awful"] if "hate" in row or "broken" in row else ["[UNK]"])

    text = " ".join([*("word" for _ in range(62)), "hate", "broken"])
    assert words(Pair(), text, "negative") == ["hate broken"]


def test_only_what_the_model_reads_is_left_out(predictor):
    """The tiny model reads 64 tokens: with a word less, others would move up."""
    text = "it is " * 30 + "good " + "awful " * 40
    assert predictor.classify([text])[0].truncated
    found = explain(predictor, text, predictor.classify([text])[0].label)
    assert all(one.end <= len("it is " * 30 + "good " + "awful") for one in found)


def test_few_words_are_named():
    text = " ".join(("good", "bad", "great", "awful", "love", "hate", "thanks", "broken", "happy"))
    assert len(explain(KeywordPredictor(), text, "positive")) <= SHOWN


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("it's great, thanks!", ["it's", "great,", "thanks!"]),
        ("<@U1> see <https://x.example|a page>:tada:", ["<@U1>", "see", "<https://x.example|a page>", ":tada:"]),
        ("&gt; said <@U2> before\nI agree", ["&gt; said <@U2> before", "I", "agree"]),
        ("no &gt;&gt;&gt; quote", ["no", "&gt;&gt;&gt;", "quote"]),
        ("&gt;&gt;&gt; all\nof this", ["&gt;&gt;&gt; all\nof this"]),
        ("run `make test` now", ["run", "`make test`", "now"]),
        ("a ```x\ny``` b ```open", ["a", "```x\ny```", "b", "```open"]),
        ("2024-01-01 12:00:00 it died\nsad", ["2024-01-01 12:00:00 it died", "sad"]),
        ("很好 good", ["很", "好", "good"]),
        ("don`t", ["don", "`", "t"]),
    ],
)  # fmt: skip
def test_what_belongs_together_is_left_out_together(text, pieces):
    assert [text[start:end] for start, end in spans_of(text)] == pieces


@pytest.mark.parametrize("piece", ["<", ":", "`", "&gt;", "<a", "\n>", ":a", "```", "很<"])
def test_no_text_takes_long(piece):
    spans = spans_of((piece * 8_000)[:8_000])
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
