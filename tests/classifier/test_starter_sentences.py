"""The starter's own sentences: the same for a seed, every kind with every label, and never a behavioural case."""

from collections import Counter

import pytest

from classifier.behaviour import load_cases
from classifier.starter_sentences import LABELS, SHARES, SLOT, Sentence, bare, grammar, sentences
from classifier.text import normalise, says_little


# A fixture: it takes seconds, and what stands here ready is made by every process that collects tests.
@pytest.fixture(scope="module")
def made() -> list[Sentence]:
    return sentences(20_000, 1)


def test_a_seed_gives_the_same_sentences_again_and_another_seed_others(made):
    assert sentences(300, 1) == made[:300]
    assert sentences(300, 2) != made[:300]


def test_no_sentence_is_a_behavioural_case_as_the_model_reads_it(made):
    """One emoji alone would be both, in any grammar; so cases are left out by name."""
    cases = {bare(case.text) for case in load_cases()}
    assert [sentence.text for sentence in made if bare(sentence.text) in cases] == []


def test_the_labels_are_equally_often(made):
    assert set(Counter(sentence.label for sentence in made[:19_998]).values()) == {6666}


def test_every_kind_comes_with_all_three_labels_about_as_often_as_its_share(made):
    """So that the kind of a sentence does not give its label away."""
    counts = Counter((sentence.kind, sentence.label) for sentence in made)
    for kind, share in SHARES.items():
        for label in LABELS:
            assert counts[kind, label] / len(made) == pytest.approx(share / len(LABELS), abs=0.02)


def test_no_text_stands_there_twice(made):
    assert len({sentence.text for sentence in made}) == len(made)


def test_nothing_is_left_unfilled_and_something_to_read_is_left_of_every_sentence(made):
    assert [sentence.text for sentence in made if SLOT.search(sentence.text)] == []
    assert [sentence.text for sentence in made if says_little(normalise(sentence.text))] == []


def test_every_part_of_the_grammar_is_used_and_every_slot_has_its_part():
    patterns = {f"{kind} {label}" for kind in SHARES for label in LABELS}
    slots = {slot for lines in grammar().values() for line in lines for slot in SLOT.findall(line)}
    assert set(grammar()) == patterns | slots


def test_no_line_of_the_grammar_stands_there_twice_in_one_part():
    assert {name: len(lines) for name, lines in grammar().items()} == {
        name: len(set(lines)) for name, lines in grammar().items()
    }


def test_no_pattern_is_under_two_labels_of_its_kind():
    for kind in SHARES:
        patterns = Counter(line for label in LABELS for line in grammar()[f"{kind} {label}"])
        assert [line for line, times in patterns.items() if times > 1] == []
