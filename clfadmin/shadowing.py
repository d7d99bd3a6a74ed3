"""`swap-model --shadow` and `--stop-shadow`, and what `status` says of a candidate that labels unseen."""

from typing import TYPE_CHECKING, Any

from classifier.errors import ClassifierError
from clfadmin import console

if TYPE_CHECKING:
    from worker.fleet import Fleet
    from worker.shadow_book import Shadow

# The changes that are shown, the commonest first.
CHANGES = 5


class NoShadow(ClassifierError):
    """Nothing is served yet, or no such version labels in the shadow."""


def start(fleet: "Fleet", version: str, sha256: str, *, json: bool) -> None:
    """Raises NoShadow where there is nothing to stand beside."""
    from worker.shadow_book import ShadowBook

    model = fleet.model()
    if not model.gen:
        raise NoShadow("Nothing is served yet: start a worker first, or swap without --shadow.")
    if model.sha256 == sha256:
        raise NoShadow(f"{version} is what is served: it would only agree with itself.")
    ShadowBook(fleet.client, fleet.keys).begin(version=version, sha256=sha256, gen=model.gen, now_ms=fleet.now_ms())
    if json:
        console.document({"from": model.version, "to": version, "state": "shadow"})
    else:
        console.say(
            f"{version} labels beside {model.version} from now on, unseen. `clfadmin status` shows how they agree. "
            f"A swap or a rollback ends it, and so does `clfadmin swap-model {version} --stop-shadow`."
        )


def stop(fleet: "Fleet", version: str, *, json: bool) -> None:
    """Raises NoShadow when it is not that version which labels in the shadow."""
    from worker.shadow_book import ShadowBook

    book, model = ShadowBook(fleet.client, fleet.keys), fleet.model()
    found = book.read(gen=model.gen)
    if found is None or found.version != version:
        raise NoShadow(f"{version} does not label in the shadow; {found.version if found else 'nothing'} does.")
    book.end(found)
    if json:
        console.document({"from": model.version, "to": version, "state": "stopped", "shadow": as_document(found)})
    else:
        console.say(f"{version} labels no more. {sentence(found)}")


def look(fleet: "Fleet", gen: int) -> "Shadow | None":
    from worker.shadow_book import ShadowBook

    return ShadowBook(fleet.client, fleet.keys).read(gen=gen)


def as_document(found: "Shadow | None") -> dict[str, Any] | None:
    """For `status --json`; `agreement` is the share of texts both labelled alike, null before the first."""
    if found is None:
        return None
    return {
        "version": found.version,
        "texts": found.texts,
        "agreement": round(found.same / found.texts, 4) if found.texts else None,
        "same": found.same,
        "sure": found.sure,
        "sure_same": found.sure_same,
        "skipped": found.skipped,
        "failed": found.failed,
        "changes": dict(sorted(found.changes.items(), key=lambda pair: -pair[1])),
        "workers": dict(found.workers),
    }


def sentence(found: "Shadow") -> str:
    """For people, in one line."""
    if not found.texts:
        return f"{found.version} in the shadow: no text labelled yet ({_states(found)})."
    line = f"{found.version} in the shadow: {found.texts:,} texts, the same label on {found.same / found.texts:.1%}"
    if found.sure:
        line += f"; where both are sure, on {found.sure_same / found.sure:.1%} of {found.sure:,}"
    changes = sorted(found.changes.items(), key=lambda pair: -pair[1])[:CHANGES]
    if changes:
        line += "; " + ", ".join(f"{change} {count:,}" for change, count in changes)
    if found.skipped or found.failed:
        line += f" ({found.skipped:,} skipped for want of time, {found.failed:,} failed)"
    return line + "."


def _states(found: "Shadow") -> str:
    return ", ".join(f"{worker}: {state}" for worker, state in found.workers.items()) or "no worker has seen it yet"
