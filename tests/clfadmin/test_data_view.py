"""The data report for people: short where all is well, and each oddity in one line with where to look."""

from typing import Any

from clfadmin.data_view import report_lines

CLEAN: dict[str, Any] = {
    "train": 900,
    "valid": 100,
    "labels": {
        "bad": {"train": 500, "valid": 56, "share": 0.5556},
        "good": {"train": 400, "valid": 44, "share": 0.4444},
    },
    "sources": {"chat.csv": {"train": 900, "valid": 100}},
    "dropped": {
        reason: {"n": 0, "first": []} for reason in ("without_text", "without_label", "repeated", "in_both_parts")
    },
    "same_to_the_model": {
        "repeated": 0,
        "across_the_split": {"n": 0, "first": []},
        "conflicting": {"n": 0, "rows": 0, "first": []},
    },
    "tokens": {
        "p50": 12, "p90": 40, "p99": 90, "longest": 128, "max_length": 128, "truncated": {"n": 0, "share": 0.0},
    },
}  # fmt: skip


def test_data_without_oddities_takes_three_lines():
    assert report_lines(CLEAN) == [
        "data: 900 texts to train on, 100 to validate on",
        "labels: bad 500 (56%), good 400 (44%)",
        "length: half of the texts have up to 12 tokens, 99 % up to 90",
    ]


def test_each_oddity_is_counted_and_the_first_places_are_named():
    report = CLEAN | {
        "sources": {"chat.csv": {"train": 800, "valid": 90}, "mail.csv": {"train": 100, "valid": 10}},
        "labels": {
            "bad": {"train": 860, "valid": 96, "share": 0.9556},
            "good": {"train": 40, "valid": 4, "share": 0.0444},
        },
        "dropped": {
            "without_text": {"n": 1, "first": ["chat.csv:3"]},
            "without_label": {"n": 0, "first": []},
            "repeated": {"n": 5, "first": ["chat.csv:5", "chat.csv:6", "chat.csv:7", "chat.csv:8", "chat.csv:9"]},
            "in_both_parts": {"n": 2, "first": []},
        },
        "same_to_the_model": {
            "repeated": 7,
            "across_the_split": {"n": 3, "first": [["chat.csv:4 bad", "mail.csv:3 bad"]]},
            "conflicting": {"n": 4, "rows": 9, "first": [["chat.csv:7 good", "chat.csv:8 bad", "mail.csv:9 bad"]] * 4},
        },
        "tokens": CLEAN["tokens"] | {"truncated": {"n": 25, "share": 0.025}},
    }
    assert report_lines(report) == [
        "data: 900 texts to train on, 100 to validate on",
        "sources: chat.csv 800 + 90, mail.csv 100 + 10",
        "labels: bad 860 (96%), good 40 (4%); consider --class-weight auto",
        "left out: 1 without text (chat.csv:3), 5 repeated (chat.csv:5, chat.csv:6, chat.csv:7 and 2 more), "
        "2 whose text is validated on",
        "contradictions: 4 texts have several labels: chat.csv:7 good and chat.csv:8 bad; "
        "chat.csv:7 good and chat.csv:8 bad; chat.csv:7 good and chat.csv:8 bad and 1 more",
        "alike to the model: 7 training texts repeat another, 3 are validated on too, which flatters the scores",
        "length: half of the texts have up to 12 tokens, 99 % up to 90; 25 (2.5%) are cut at 128",
    ]
