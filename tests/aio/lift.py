"""Coroutines to gather: quick ones, failing ones, and a lift that holds its riders until it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def double(n: int) -> int:
    await asyncio.sleep(0)
    return 2 * n


async def fail(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


class Lift:
    """Coroutines that go in and wait until they are let out; counts who is inside."""

    def __init__(self) -> None:
        self.inside = self.most = self.entered = 0
        self.cancelled: list[int] = []
        self.doors = asyncio.Event()

    async def ride(self, n: int = 0) -> int:
        self.entered += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.doors.wait()
        except asyncio.CancelledError:
            self.cancelled.append(n)
            raise
        finally:
            self.inside -= 1
        return n


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)
