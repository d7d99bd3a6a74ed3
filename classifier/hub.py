"""Fetches a base checkpoint by its name on the hub. HF_ENDPOINT, HF_HOME and the hub's other settings are honoured."""

from pathlib import Path

from classifier.errors import BaseNotFound

# All that is read: no pickled weights, no code.
WANTED = ["config.json", "model.safetensors", "tokenizer.json", "special_tokens_map.json"]
WANTED += ["vocab.txt", "tokenizer_config.json"]


def download(name: str) -> Path:
    """The folder with the checkpoint's files, from the hub's local cache where they are there already.

    Raises BaseNotFound when the hub can't be reached or does not know the name.
    """
    # Late: it brings an HTTP client along, and reads HF_ENDPOINT when it is imported.
    from huggingface_hub import constants, snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        return Path(snapshot_download(name, allow_patterns=WANTED))
    except HFValidationError as error:
        raise _not_found(name, "no folder and no name a hub could know") from error
    except Exception as error:  # the hub's, the HTTP client's and the system's errors have no common root
        raise _not_found(name, f"not to be had from {constants.ENDPOINT} ({_reason(error)})") from error


def _not_found(name: str, why: str) -> BaseNotFound:
    return BaseNotFound(
        f"The base {name!r} is {why}. Three choices: leave --base away for the installed default, give --base a local "
        "folder with a BERT checkpoint, or set HF_ENDPOINT to a mirror you can reach."
    )


def _reason(error: Exception) -> str:
    """One line, of which the deepest cause says most: the hub wraps what happened several times."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 10:
        causes.append(cause)
    return " ".join(str(causes[-1]).split())[:100] or type(causes[-1]).__name__
