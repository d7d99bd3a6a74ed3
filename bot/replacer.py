"""An edit's way into Slack: what of ours stands at its message is updated, replaced or taken away. See sender.py.

Every step may be cut off and is then done again from what stands: updating a post or swapping a reaction twice changes
nothing.
"""

from dataclasses import replace

from bot.answering import Answering
from bot.lanes import Held
from bot.reconcile import Unreadable
from bot.replies import Form, Silent, ThreadPost, metadata
from bot.sender import READS, Next, Sender, Step, backoff
from bot.slack_client import Slack
from bot.slack_errors import Failure, trouble
from bot.standing import DELETE, UPDATE, Standing, find_standing, from_tag, next_method, unwanted
from bot.store import Memory
from bot.tag_blocks import reply_blocks
from worker.jobs import Result


class Replacer:
    """Safe for threads as the sender is."""

    def __init__(self, sender: Sender, slack: Slack, answering: Answering, memory: Memory) -> None:
        self._sender, self._slack = sender, slack
        self._answering, self._memory = answering, memory

    def step(self, held: Held) -> Next:
        """Do the next thing for the result of an edit. Raises QueueError as the sender does."""
        if held.sent:
            return self._sender.finish([held])[0]
        begun = self._sender.admit(held)
        if isinstance(begun, Next):
            return begun
        if held.clean:  # nothing was ever begun for this message, or what stood there is gone
            return self._sender.send(held)
        if held.standing is None:
            return self._find(held, begun.posting_ms)
        if next_method(held.standing, held.wanted):
            return self._replace(held, held.standing)
        if held.standing.reactions or held.standing.same:
            held.sent = True  # it says already what is to be said, or said it to one person
            return self._sender.finish([held], "unchanged")[0]
        held.clean = True
        return Next(Step.AGAIN)

    def _find(self, held: Held, posting_ms: int) -> Next:
        tag = self._memory.tags.get(held.result.message)
        self._forget_votes(held.result)
        found = from_tag(tag, held.result) if tag else self._looked(held, posting_ms)
        if isinstance(found, Next):
            return found
        held.standing, held.reading = found, False
        # What takes the place of a reply makes no noise, whatever the hour.
        held.wanted = self._answering.reply(held.result, replaces=bool(found.reply_ts or found.reactions))
        held.reply = held.wanted
        if found.reply_ts and not isinstance(held.wanted, Silent):
            held.reply = held.wanted = self._answering.post(held.result)  # a post stays one
        return Next(Step.AGAIN)

    def _forget_votes(self, result: Result) -> None:
        """What people said of the text before, and that text where it was kept."""
        vote = self._memory.votes.get(result.message)
        if vote and vote.at.timestamp() < float(result.edit_ts):
            self._memory.votes.erase(result.message)

    def _looked(self, held: Held, posting_ms: int) -> Standing | Next:
        """What Slack shows, once a post that may be under way must be there."""
        left = self._sender.settle_left(held, posting_ms)
        if left or not held.reading:
            held.reading = True
            return Next(Step.AGAIN, left)
        found = find_standing(self._slack, held.result, self._answering.me.bot_user)
        if not isinstance(found, Unreadable):
            return found
        held.reads += 1
        if found.retry and held.reads < READS:
            return Next(Step.AGAIN, found.trouble.retry_after or backoff(held.reads), why=found.trouble.code)
        return Standing()

    def _replace(self, held: Held, standing: Standing) -> Next:
        """One call towards what is wanted."""
        if not self._sender.has_room(held):
            return Next(Step.AGAIN)
        result, method = held.result, next_method(standing, held.wanted)
        try:
            if method == UPDATE and isinstance(held.wanted, ThreadPost):
                text = held.wanted.plain if held.plain else held.wanted.text
                said = {"text": text, "metadata": metadata(result), "blocks": reply_blocks(text, result)}
                self._slack.call(UPDATE, channel=result.channel, ts=standing.reply_ts, **said)
            elif method == DELETE:
                self._slack.call(DELETE, channel=result.channel, ts=standing.reply_ts)
            else:
                name = unwanted(standing, held.wanted)
                self._slack.call(method, channel=result.channel, timestamp=result.ts, name=name)
        except Exception as error:
            why = trouble(error)
            if why.failure not in (Failure.GONE, Failure.DISGUISED):
                return self._sender.failed([held], why)[0]
        return self._replaced(held, standing, method)

    def _replaced(self, held: Held, standing: Standing, method: str) -> Next:
        if method == UPDATE:
            # Also where a person deleted our post meanwhile: it is not put there again.
            held.sent, held.reply_ts = True, standing.reply_ts
            return self._sender.finish([held], "updated")[0]
        if method == DELETE:
            held.standing = replace(standing, reply_ts="")
        else:
            held.standing = standing.without(unwanted(standing, held.wanted))
        # Nothing of ours is left that is not wanted: what is wanted is sent as if for the first time.
        held.clean = not next_method(held.standing, held.wanted) and not held.standing.reactions
        if held.clean and held.wanted.form is Form.NONE:
            held.sent = True
            return self._sender.finish([held], "withdrawn")[0]
        return Next(Step.AGAIN)
