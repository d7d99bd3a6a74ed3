"""Time as limits and retries see it: the real one, hurried by a factor."""

import asyncio
from time import monotonic


class Clock:
    """Runs `speed` times as fast as the wall. A change of speed reaches those who already sleep."""

    def __init__(self) -> None:
        self.speed = 1.0
        self._scaled = 0.0
        self._since = monotonic()
        self._changed = asyncio.Event()

    def now(self) -> float:
        """Scaled seconds since the start; never goes back, also when the speed changes."""
        return self._scaled + (monotonic() - self._since) * self.speed

    def set_speed(self, speed: float) -> None:
        """`speed` above zero; the caller has checked."""
        self._scaled, self._since, self.speed = self.now(), monotonic(), speed
        self._changed.set()
        self._changed = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of scaled time; zero does not yield."""
        deadline = self.now() + seconds
        while (left := deadline - self.now()) > 0:
            try:
                await asyncio.wait_for(self._changed.wait(), left / self.speed)
            except TimeoutError:
                continue
