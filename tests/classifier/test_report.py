"""The HTML report: what it says, that it needs nothing else, and that no text in it becomes markup."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from classifier.calibration import softmax
from classifier.evaluation import DataName, evaluate
from classifier.report.markup import Markup, element
from classifier.report.page import html_report
from classifier.report.words import confidence, headline, p_value, percent, place, signed, summary, weakest
from tests.classifier.report_examples import HOSTILE, LABELS, answers, example

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page strictly: every element must be closed where it was opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.shown = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.shown += data


def test_the_page_is_one_whole_document_that_loads_nothing():
    page = Page(html_report(example(against=1.0)))
    assert page.tags[:3] == ["html", "head", "meta"]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {"src", "href", "style"} & names
    assert not [name for name in names if name.startswith("on")]
    assert "url(" not in html_report(example())


def test_the_page_forbids_itself_everything_but_its_own_style():
    page = html_report(example())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert re.fullmatch(r"default-src &#x27;none&#x27;; style-src &#x27;sha256-[\w+/]{43}=&#x27;", policy)


def test_hostile_texts_labels_and_names_are_only_shown():
    document = example(text=HOSTILE, against=1.0, version=HOSTILE)
    for label in LABELS:
        document["per_label"][label + HOSTILE] = document["per_label"].pop(label)
    document["confusion"]["labels"] = [label + HOSTILE for label in LABELS]
    html = html_report(document)
    page = Page(html)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "alert(1)" in page.shown
    assert not re.search("[\x00\u202e\ud800-\udfff]", html)
    html.encode()  # half a surrogate pair would raise


def test_the_page_says_what_a_person_wants_to_know():
    page = Page(html_report(example(), made=datetime(2026, 1, 31, 9, 5, tzinfo=UTC))).shown
    for said in (
        "Evaluation of v on a.csv + b.csv, 400 texts, 2026-01-31 09:05 UTC",
        "What is taken for what",
        "Reliability diagram",
        "Risk-coverage curve",
        "threshold 0.70",
        "Parts of the texts",
        "short: up to 10 words",
        "Most confident mistakes",
        "Suspected label errors",
        "What it was measured on",
    ):
        assert said in page
    assert "Against" not in page


def test_with_another_version_the_page_begins_with_the_verdict():
    document = example(against=1.0)
    page = Page(html_report(document)).shown
    assert "v is better than old" in page
    assert "Against old" in page
    assert f"Right before, wrong now: {document['against']['broken']}" in page
    assert f"Wrong before, right now: {document['against']['fixed']}" in page
    first = document["against"]["changed_texts"][0]
    assert f"was rightly {first['before']}is {first['after']}{first['text']}{first['file']}" in page


def test_a_document_without_texts_has_a_shorter_page():
    logits, truth = answers(50, seed=2, skill=2)
    document = evaluate(
        logits, truth, version="v", data=DataName("a.csv", "f" * 64), labels=LABELS, temperature=1.1, threshold=0.7
    )
    page = Page(html_report(document)).shown
    assert "Risk-coverage curve" in page
    assert "mistakes" not in page


@pytest.mark.parametrize("texts", [1, 2, 20])
def test_few_texts_make_a_page_too(texts):
    Page(html_report(example(texts, against=1.0)))


def test_a_perfect_version_makes_a_page_too():
    page = Page(html_report(example(100, skill=50, against=50))).shown
    assert "No clear difference between v and old" in page
    assert "Weakest" not in page


def test_points_of_few_texts_are_drawn_together():
    """At 25 texts each of the 15 bins holds one or two, which would only be noise."""
    assert example(25)["reliability"]["after"][0]["texts"] == 2
    assert html_report(example(25)).count("after calibration: says") == 1
    assert html_report(example(400)).count("after calibration: says") == 15


def test_heat_cells_are_shaded_by_the_share_of_their_row():
    document = example()
    document["confusion"]["matrix"] = [[90, 10, 0], [0, 0, 0], [1, 1, 2]]
    html = html_report(document)
    assert '<td class="hit h9">90<small>90\xa0%</small></td><td class="miss h1">10' in html
    assert '<td class="miss h0">0' in html


def test_plain_strings_are_text_and_only_markup_is_markup():
    built = element("p", "<b>", Markup("<i></i>"), None, ["a", 3], class_="x", title='"<', hidden=True, tabindex=None)
    assert built == '<p class="x" title="&quot;&lt;" hidden="">&lt;b&gt;<i></i>a3</p>'


def test_the_headline_says_how_good_it_is():
    document = example()
    share = f"{document['accuracy']:.0%}".replace("%", "\xa0%")
    sure = f"{document['sure']['precision']:.0%}".replace("%", "\xa0%")
    assert headline(document) == f"Right on {share} of the texts, and on {sure} where it is sure"


def test_the_headline_is_modest_where_it_should_be():
    assert headline(example(20)) == "20 texts are too few to tell how good it is"
    assert headline(example(400, skill=0)) == "No better than always answering positive"
    assert headline(example(400, skill=2, against=2.0)) == "No clear difference between v and old"
    assert headline(example(400, skill=1, against=2.5)) == "v is worse than old"


def test_the_summary_compares_first_and_names_the_weakest_label():
    document = example(against=1.0)
    sentences = summary(document)
    assert sentences[0].startswith(
        f"macro-F1 {document['macro_f1']:.3f} against {document['against']['macro_f1']:.3f}: +"
    )
    worst = min(document["per_label"], key=lambda label: document["per_label"][label]["f1"])
    assert sentences[2].startswith(f"Weakest on {worst} (F1 {document['per_label'][worst]['f1']:.2f}): ")
    assert sentences[-1].startswith("Sure (confidence from 0.70 on) of ")


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([[1, 3, 0], [0, 9, 1], [0, 0, 0]], "Weakest on a (F1 0.40): 75 % of its texts are taken for b."),
        ([[4, 0, 0], [6, 9, 3], [0, 0, 0]], "Weakest on a (F1 0.57): 60 % of the texts it calls so are b."),
        ([[0, 2, 1], [0, 9, 0], [0, 0, 0]], "Weakest on a (F1 0.00): 67 % of its texts are taken for b."),
    ],
    ids=["missed", "called too often", "never called"],
)
def test_the_weakest_label_is_one_that_occurs_with_what_it_is_mixed_up_with(matrix, said):
    expected, predicted = (np.repeat(axis.ravel(), np.ravel(matrix)) for axis in np.indices((3, 3)))
    document = evaluate(
        np.eye(3)[predicted], expected, version="v", data=DataName("", ""), labels=("a", "b", "c"), temperature=1.0,
        threshold=0.5,
    )  # fmt: skip
    assert document["confusion"]["matrix"] == matrix
    assert weakest(document) == [said.replace(" %", "\xa0%")]


@pytest.mark.parametrize(
    ("stretch", "said"),
    [
        (1.0, "Its confidence can be taken at its word: "),
        (1.4, "Its confidence is roughly right: "),
        (6.0, "Its confidence is not to be taken at its word here: "),
        (0.3, "Its confidence is not to be taken at its word here: "),
    ],
)
def test_the_sentence_on_confidence_goes_by_the_calibration_error(stretch, said):
    random = np.random.default_rng(1)
    logits = random.normal(size=(4000, 3))
    truth = np.array([random.choice(3, p=row) for row in softmax(logits, 1.0)])
    found = evaluate(
        logits * stretch, truth, version="v", data=DataName("", ""), labels=LABELS, temperature=1.0, threshold=0.5
    )
    sentence = confidence(found)
    assert sentence.startswith(said)
    assert ("too sure" in sentence, "too modest" in sentence) == (stretch > 1, stretch < 1)


def test_figures_are_written_the_same_everywhere():
    assert (percent(0.744), percent(0.744, 0)) == ("74.4\xa0%", "74\xa0%")
    assert (signed(0.0123), signed(-0.0004), signed(-0.02)) == ("+1.2", "−0.0", "−2.0")
    assert (p_value(0.00004), p_value(0.04)) == ("p < 0.001", "p = 0.040")
    assert place({"file": "a.csv", "line": 12}) == "a.csv:12"
    assert place({"file": "a.csv", "line": None}) == "a.csv"
