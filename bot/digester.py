"""Many results' way into Slack by one post: begin each, look or send once, finish all. See sender.py for one alone."""

from bot.digest import digest_metadata, digest_text
from bot.lanes import Held
from bot.pacing import POST
from bot.reconcile import Unreadable, find_digests
from bot.replies import Form
from bot.sender import READS, Next, Sender, Step, backoff
from bot.slack_client import Slack
from bot.slack_errors import trouble


class Digester:
    """Safe for threads as the sender is."""

    def __init__(self, sender: Sender, slack: Slack) -> None:
        self._sender, self._slack = sender, slack

    def steps(self, group: list[Held]) -> list[Next]:
        """Do the next thing for these results of one channel; what to do with each afterwards, in their order.

        Raises QueueError; then nothing was sent that the results do not know of.
        """
        follow: dict[str, Next] = {}
        begun: dict[str, int] = {}  # entry -> when the earlier post may have begun
        for held in group:
            answer = self._sender.admit(held)
            if isinstance(answer, Next):
                follow[held.entry] = answer
            elif not held.clean and answer.form != Form.DIGEST:
                held.alone, held.reply = True, held.wanted
                follow[held.entry] = Next(Step.AGAIN)
            elif not held.clean:
                begun[held.entry] = answer.posting_ms
        left = [held for held in group if held.entry not in follow]
        unsure = [held for held in left if not held.clean]
        if unsure:
            follow |= self._look(unsure, begun)
        ready = [held for held in left if held.clean]
        if ready:
            follow |= dict(zip((held.entry for held in ready), self._send(ready), strict=True))
        return [follow[held.entry] for held in group]

    def _look(self, unsure: list[Held], begun: dict[str, int]) -> dict[str, Next]:
        """Find out which of them an earlier digest stands for. Those for which none does become clean."""
        settle = max(self._sender.settle_left(held, begun[held.entry]) for held in unsure)
        if settle:
            return {held.entry: Next(Step.AGAIN, settle) for held in unsure}
        found = find_digests(self._slack, [held.result for held in unsure])
        if isinstance(found, Unreadable) and found.trouble.is_about_the_token:
            return {held.entry: Next(Step.STOP, why=found.trouble.code) for held in unsure}
        if isinstance(found, Unreadable):
            wait = found.trouble.retry_after or backoff(unsure[0].reads + 1)
            for held in unsure:
                held.reads += 1
                held.clean = not found.retry or held.reads >= READS
            again = Next(Step.AGAIN, wait, why=found.trouble.code)
            return {held.entry: again for held in unsure if not held.clean}
        covered = [held for held in unsure if held.result.message in found]
        for held in unsure:
            held.sent, held.clean = held in covered, held not in covered
        return dict(zip((held.entry for held in covered), self._sender.finish(covered, "found"), strict=True))

    def _send(self, ready: list[Held]) -> list[Next]:
        if not all(self._sender.has_room(held) for held in ready):
            return [Next(Step.AGAIN)] * len(ready)
        results = [held.result for held in ready]
        more = {} if ready[0].plain else {"metadata": digest_metadata(results)}
        try:
            self._slack.call(
                POST,
                channel=results[0].channel,
                text=digest_text(results),
                unfurl_links=False,
                unfurl_media=False,
                **more,
            )
        except Exception as error:
            return self._sender.failed(ready, trouble(error))
        return self._sender.arrived(ready)
