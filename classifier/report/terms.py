"""The report's glossary: what each measure means and where it comes from."""

from classifier.intervals import RESAMPLES
from classifier.report.markup import Markup, element
from classifier.slices import SMALL

TERMS = (
    (
        "Precision, recall, F1",
        "Of the texts given a label, the share that has it; of the texts that have it, the share that was "
        "given it; their harmonic mean. macro-F1 is the plain mean over the labels, so a rare label counts as "
        "much as a common one.",
    ),
    (
        "Confidence and sure",
        "The calibrated probability of the likeliest label. From the version's threshold on it calls itself "
        "sure; below, a reply says that it is not.",
    ),
    (
        "Calibration error (ECE)",
        "The mean distance between confidence and accuracy over 15 groups of equally many texts (Nguyen and "
        "O'Connor 2015). Training fits one temperature that divides the network's outputs (Guo et al. 2017); "
        "before is without it.",
    ),
    (
        "Brier score, log loss",
        "Mean squared distance of the probabilities from the truth (Brier 1950), 0 to 2; mean negative "
        "logarithm of the right label's probability. Lower is better for both.",
    ),
    (
        "Risk-coverage curve",
        "Of the texts answered, the share labelled wrong, when only the surest are answered (Geifman and "
        "El-Yaniv 2017).",
    ),
    (
        "Intervals",
        f"95 %. Of accuracies Wilson's; of macro-F1 and of differences the bootstrap's, from {RESAMPLES:,} "
        "resamples of the texts (Efron and Tibshirani 1993).",
    ),
    (
        "Better, worse, no clear difference",
        "Better or worse where the interval of the difference excludes zero and McNemar's test does not point "
        "significantly the other way; where under 25 texts were right in one version only, McNemar's test "
        "must be significant too.",
    ),
    (
        "Slices",
        "Words are counted between blanks. Emoji are pictures, :shortcodes: and emoticons. Negation is an "
        f"English word such as not, never, without, hardly or n't. Under {SMALL} texts a slice is marked as "
        "few.",
    ),
    (
        "Suspected label errors",
        "Texts whose probabilities reach another label's usual level more clearly than their own label's "
        "(confident learning: Northcutt, Jiang and Chuang 2021). Meaningful only for texts the version was "
        "not trained on.",
    ),
)


def terms() -> Markup:
    """The glossary, folded up."""
    entries = [element("div", element("dt", name), element("dd", meaning)) for name, meaning in TERMS]
    return element(
        "details", element("summary", "What the words mean"), element("dl", entries, class_="facts"), class_="terms"
    )
