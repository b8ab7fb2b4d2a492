"""`Client` and `AsyncClient`: two faces of one connection."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NoReturn, Self

from .connection import Connection
from .origin import hidden
from .resources import AsyncModels, AsyncPredictions, Models, Predictions

__all__ = ["AsyncClient", "Client"]


class _Face:
    _connection: Connection

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        max_retries: int = 2,
        archive: Any = None,
        transport: Any = None,
    ) -> None:
        key = hidden(api_key)
        del api_key  # else a traceback could show it
        self._bind(
            Connection(
                key,
                base_url=base_url,
                timeout=timeout,
                max_retries=max_retries,
                archive=archive,
                transport=transport,
            )
        )

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Make a client of a connection that there is already."""
        face = cls.__new__(cls)
        face._bind(connection)  # noqa: SLF001 - its own class
        return face

    def _bind(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """What this client shares with its other face."""
        return self._connection

    @property
    def base_url(self) -> str:
        """The base URL of the API."""
        return self._connection.origin

    @property
    def archive(self) -> Any:
        """The archive that keeps what is made, or None."""
        return self._connection.archive

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._connection.closed

    def as_sync(self) -> Client:
        """Give the blocking face of the same connection."""
        return Client.of(self._connection)

    def as_async(self) -> AsyncClient:
        """Give the asyncio face of the same connection."""
        return AsyncClient.of(self._connection)

    def __reduce__(self) -> NoReturn:
        self._connection.__reduce__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, '_connection', 'not made yet')!s})"


class Client(_Face):
    """The blocking client: every call returns when it is done.

    Parameters
    ----------
    api_key : str, optional
        The key; else ``SKYTELLS_API_KEY``, else Colab's secret of that name.
    base_url : str, optional
        The API's base URL; else ``SKYTELLS_BASE_URL``, else ``https://api.skytells.ai/v1``.
    timeout : float
        Seconds for one HTTP exchange. It does not bound waiting for a prediction.
    max_retries : int
        Further tries of what may safely be tried again.
    archive : Archive, path or bool, optional
        Keeps every output on disk before the API deletes it.
    transport : httpx.BaseTransport, optional
        Replaces the network, for tests.

    Raises
    ------
    AuthenticationError
        There is no key, or it can be none. Nothing was sent.
    InvalidInputError
        A base URL, timeout or number of retries that cannot be used. Nothing was sent.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox() as sandbox:
    ...     with sky.Client(sandbox.api_key, base_url=sandbox.url) as client:
    ...         len(client.models.list()) >= 14
    True
    """

    predictions: Predictions
    models: Models

    def _bind(self, connection: Connection) -> None:
        super()._bind(connection)
        self.predictions = Predictions(connection)
        self.models = Models(connection)

    def close(self) -> None:
        """Close its sockets. What runs remotely goes on; forgetting to close leaks nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        self._connection.require_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Face):
    """The asyncio client: every method is a coroutine. One may be used on any number of event loops.

    Parameters are those of `Client`; ``transport`` is an `httpx.AsyncBaseTransport`.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> async def main(sandbox):
    ...     async with sky.AsyncClient(sandbox.api_key, base_url=sandbox.url) as client:
    ...         return await client.predictions.create("truefusion-edge", {"prompt": "a red fox"})
    >>> with sky.Sandbox() as sandbox:
    ...     sky.run(main(sandbox)).status
    'succeeded'
    """

    predictions: AsyncPredictions
    models: AsyncModels

    def _bind(self, connection: Connection) -> None:
        super()._bind(connection)
        self.predictions = AsyncPredictions(connection)
        self.models = AsyncModels(connection)

    async def close(self) -> None:
        """Close its sockets. What runs remotely goes on; forgetting to close leaks nothing."""
        await self._connection.aclose()

    aclose = close

    async def __aenter__(self) -> Self:
        self._connection.require_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
