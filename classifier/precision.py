"""Which numbers a training multiplies with: bfloat16 where this machine's cores have instructions for it."""

from classifier.cpu import has_bfloat16

# The words of `--precision`, and what Keras calls them. Weights, sums and the optimiser are float32 always.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def resolve(precision: str) -> str:
    """ "float32" or "bfloat16" for the word given with `--precision`, which may be "auto"."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_bfloat16() else "float32"
