"""`Client` and `AsyncClient`: two faces of one connection."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, Self

from .. import _lazy
from ..aio import on_loop
from ..exceptions import InvalidInputError
from ._connection import Connection, latest
from ._credentials import hides_arguments
from ._models import AsyncModels, Models
from ._observers import Observer
from ._predictions import AsyncPredictions, Predictions

if TYPE_CHECKING:
    from ._text import AsyncChat, AsyncEmbeddings, AsyncResponses, Chat, Embeddings, Responses


class _BaseClient:
    _connection: Connection

    @hides_arguments
    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | None = 60.0,
        max_retries: int = 2,
        archive: Any = None,
        transport: Any = None,
        verify: Any = True,
        proxy: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        # What else it may be is the archive's own to say.
        wants_archive = not (archive is None or archive is False or isinstance(archive, Observer))
        self._bind(
            Connection(
                api_key,
                base_url=base_url,
                timeout=timeout,
                max_retries=max_retries,
                archive=_lazy.archive_class.resolve().resolve(archive) if wants_archive else archive or None,
                transport=transport,
                verify=verify,
                proxy=proxy,
                headers=headers,
            )
        )

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Return a client of a connection that there is already."""
        client = cls.__new__(cls)
        client._bind(connection)  # noqa: SLF001 - its own class
        return client

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
        """Return the blocking face of the same connection."""
        return Client.of(self._connection)

    def as_async(self) -> AsyncClient:
        """Return the asyncio face of the same connection."""
        return AsyncClient.of(self._connection)

    def __reduce__(self) -> NoReturn:
        self._connection.__reduce__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, '_connection', 'not made yet')!s})"


class Client(_BaseClient):
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
    transport : httpx.BaseTransport or httpx.AsyncBaseTransport, optional
        Replaces the network, for tests.
    verify : bool, path or ssl.SSLContext
        Whom to trust: True for the usual authorities, or certificates of your own.
    proxy : str, optional
        A proxy's URL, for the API and for outputs; else the environment's.
    headers : dict, optional
        Further headers for every request to the API; never sent with a download.

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

    # What speaks to text models is imported when it is first asked for: who makes pictures need not wait.

    @cached_property
    def chat(self) -> Chat:
        """Ask a text model, with a conversation: ``client.chat.completions.create``."""
        from ._text import Chat

        return Chat(self._connection)

    @cached_property
    def responses(self) -> Responses:
        """Ask a text model, each turn chained to one that was stored: ``client.responses.create``."""
        from ._text import Responses

        return Responses(self._connection)

    @cached_property
    def embeddings(self) -> Embeddings:
        """Turn texts into vectors: ``client.embeddings.create``."""
        from ._text import Embeddings

        return Embeddings(self._connection)

    def close(self) -> None:
        """Close its sockets. What runs remotely goes on; forgetting to close leaks nothing."""
        self._connection.close()

    def __enter__(self) -> Self:
        self._connection.require_open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class AsyncClient(_BaseClient):
    """The asyncio client: every method is a coroutine. One may be used on any number of event loops.

    Parameters are those of `Client`.

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

    # What speaks to text models is imported when it is first asked for: who makes pictures need not wait.

    @cached_property
    def chat(self) -> AsyncChat:
        """Ask a text model, with a conversation: ``client.chat.completions.create``."""
        from ._text import AsyncChat

        return AsyncChat(self._connection)

    @cached_property
    def responses(self) -> AsyncResponses:
        """Ask a text model, each turn chained to one that was stored: ``client.responses.create``."""
        from ._text import AsyncResponses

        return AsyncResponses(self._connection)

    @cached_property
    def embeddings(self) -> AsyncEmbeddings:
        """Turn texts into vectors: ``client.embeddings.create``."""
        from ._text import AsyncEmbeddings

        return AsyncEmbeddings(self._connection)

    async def close(self) -> None:
        """Close its sockets. What runs remotely goes on; forgetting to close leaks nothing."""
        await on_loop(self._connection.aclose())

    aclose = close

    async def __aenter__(self) -> Self:
        self._connection.require_open()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


def client_of(client: Client | AsyncClient | None) -> AsyncClient:
    """Return the asyncio face of a client; without one, of the newest open connection, else of a new one."""
    if client is None:
        connection = latest()
        if connection is not None:
            return AsyncClient.of(connection)
        client = _lazy.connect()
    if not isinstance(client, Client | AsyncClient):
        raise InvalidInputError(f"client must be a Client or an AsyncClient, not {type(client).__name__}.")
    return client.as_async()
