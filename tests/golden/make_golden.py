"""Makes bert.npz: what the reference implementation of BERT computes for a few texts.

Needs PyTorch, which the product must not have: run it in an environment of its own that holds torch 2.13.0,
transformers 5 and the default base's files, never in the project's:

    python tests/golden/make_golden.py FOLDER_WITH_THE_BASE

bert.npz then holds, for text number i, ids_i (int32 [tokens]) and hidden_i (float32 [tokens, hidden]), the last
hidden state of the text computed alone, and the texts themselves.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, BertModel

TEXTS = [
    "Thanks!",
    "The build is green again, great work everyone.",
    "I've been waiting for this review since Monday and nobody cares.",
    "Can you rebase onto main before we merge? CI picks up the wrong config otherwise :(",
    "naïve café — 日本語 and 100 % of the tests, e.g. v2.3.1-rc0, pass",
    "After the upgrade the deployment keeps failing with a timeout, the dashboards are empty, the on-call was paged "
    "three times tonight, and the only answer we got from the vendor is that they cannot reproduce it; honestly, I am "
    "tired of this and would rather go back to the old setup until somebody explains what has changed and why.",
]


def main(folder: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertModel.from_pretrained(folder, attn_implementation="eager").eval()
    arrays = {"texts": np.array(TEXTS)}
    for number, text in enumerate(TEXTS):
        encoded = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**encoded).last_hidden_state[0]
        arrays[f"ids_{number}"] = encoded["input_ids"][0].numpy().astype(np.int32)
        arrays[f"hidden_{number}"] = hidden.numpy().astype(np.float32)
        print(f"{hidden.shape[0]:4} tokens  {text[:60]}")
    path = Path(__file__).parent / "bert.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
