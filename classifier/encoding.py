"""From texts to token ids: the first of the three steps, shared by training and serving."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from classifier.errors import VersionRefused
from classifier.languages import foreign
from classifier.text import capped, normalise, says_little

UNKNOWN = "[UNK]"
# With more unknown words than this, such as in a script the vocabulary lacks, a prediction is a guess.
LEAST_KNOWN = 0.4


@dataclass(frozen=True)
class Encoded:
    """One text as the model reads it: token ids with [CLS] and [SEP].

    `truncated`: part of the text was left out. `readable`: enough words the model knows are left to judge it by.
    `language`: that it is clearly in where the model learned none of it, and then it is not readable.
    """

    ids: list[int]
    truncated: bool
    readable: bool = True
    language: str = ""


def load_tokenizer(data: bytes, *, max_length: int) -> Tokenizer:
    """A tokenizer from the bytes of a tokenizer.json, cutting at `max_length` tokens and never padding.

    Raises VersionRefused("tokenizer") when the bytes are no tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_str(data.decode())
    except Exception as error:  # the library raises a bare Exception
        raise VersionRefused(
            "tokenizer", f"tokenizer.json cannot be read ({str(error)[:100]}). Train or import the version again."
        ) from error
    # Published files often carry padding to a fixed 128 tokens, which would make every text cost the same.
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str], *, languages: Collection[str] = ()) -> list[Encoded]:
    """Slack or plain texts as token ids, one `Encoded` for each, in order. Normalises the texts itself.

    Texts in other languages than `languages` are noticed, where any are named.
    """
    normalised = [normalise(text) for text in texts]
    unknown = tokenizer.token_to_id(UNKNOWN)
    # To wake the threads of encode_batch takes longer than a text.
    alone = len(normalised) == 1
    encodings = [tokenizer.encode(normalised[0])] if alone else tokenizer.encode_batch(normalised)
    others = [foreign(text, languages) for text in texts]
    return [
        Encoded(
            ids=encoding.ids,
            truncated=bool(encoding.overflowing) or capped(text),
            readable=not other and not says_little(words) and _known_share(encoding.ids, unknown) >= LEAST_KNOWN,
            language=other,
        )
        for text, words, encoding, other in zip(texts, normalised, encodings, others, strict=True)
    ]


def _known_share(ids: Sequence[int], unknown: int | None) -> float:
    words = len(ids) - 2  # without [CLS] and [SEP]
    return 1 - ids.count(unknown) / words if words > 0 and unknown is not None else 1.0


def pad(encoded: Sequence[Encoded], *, tokens: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Input ids and attention mask, both int32 [batch, tokens].

    As wide as the longest text, or `tokens` where that is more. The mask is 1 for a token and 0 for padding.
    """
    width = max([tokens, *(len(item.ids) for item in encoded)])
    input_ids = np.zeros((len(encoded), width), np.int32)
    attention_mask = np.zeros((len(encoded), width), np.int32)
    for row, item in enumerate(encoded):
        input_ids[row, : len(item.ids)] = item.ids
        attention_mask[row, : len(item.ids)] = 1
    return input_ids, attention_mask


def preprocess(texts: Sequence[str], tokenizer: Tokenizer, max_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Step one: texts to input ids and attention mask, both int32 [batch, tokens].

    `tokens` is the length of the longest text, at most `max_length`; [CLS] comes first, [SEP] last.
    """
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return pad(encode(tokenizer, texts))


def batches_by_length(lengths: Sequence[int], token_budget: int) -> Iterator[list[int]]:
    """Groups of row numbers, similar lengths together, whose padded size is within `token_budget` tokens.

    A single row longer than the budget forms a group of its own. Long groups come first, so that a machine without
    enough memory fails at once and not near the end.
    """
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        # Sorted downwards, so the first row of a group is its longest.
        if group and lengths[group[0]] * (len(group) + 1) > token_budget:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
