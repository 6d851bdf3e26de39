"""Has one answer serve everyone who asks the same question in the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class SharedAnswers(Generic[T]):
    """The `most` answers that were asked for last, also those under way, by their questions.

    A failure is never kept, so that the question may be asked again at once.
    """

    most: int
    _kept: OrderedDict[Hashable, "_Kept[T]"] = field(default_factory=OrderedDict)

    async def get(
        self,
        question: Hashable,
        now: float,
        keep_seconds: Callable[[T], float],
        ask: Callable[[], Coroutine[Any, Any, T]],  # Any: as Coroutine is declared
    ) -> T:
        """The answer, which is asked for where there is none that still holds at monotonic `now`.

        An answer holds for `keep_seconds` from when it was asked for. Raises whatever `ask` raises.
        """
        kept = self._kept.get(question)
        if kept is None or now >= kept.until:
            kept = _Kept(asyncio.create_task(ask()))
            kept.answer.add_done_callback(
                lambda done: self._on_answer(question, done, now, keep_seconds)
            )
            self._kept[question] = kept
        self._kept.move_to_end(question)
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)
        # Shielded, so that one client that goes away does not take the answer from the others.
        return await asyncio.shield(kept.answer)

    def _on_answer(
        self,
        question: Hashable,
        done: "asyncio.Task[T]",
        asked_at: float,
        keep_seconds: Callable[[T], float],
    ) -> None:
        failed = done.cancelled() or done.exception() is not None
        kept = self._kept.get(question)
        if kept is None or kept.answer is not done:
            return
        if failed:
            del self._kept[question]
            return
        kept.until = asked_at + keep_seconds(done.result())


@dataclass(slots=True)
class _Kept(Generic[T]):
    """An answer, which may be under way."""

    answer: "asyncio.Task[T]"
    until: float = float("inf")
