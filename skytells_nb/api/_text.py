"""``client.chat``, ``client.responses`` and ``client.embeddings``: text models, blocking and awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, overload

from ..aio import run
from ..checks import check_flag
from ..exceptions import InvalidInputError
from ..models import AnsweringRoute, ChatCompletion, Response
from ..models import Embeddings as Vectors
from . import _text_requests as requests
from ._ask import ask, ask_for_stream
from ._connection import Connection, Resource, blocking
from ._create import find_reusable, watch_created
from ._observers import Observer
from ._stream import AsyncTextStream, TextSource, TextStream
from ._text_requests import TextRequest

Messages: TypeAlias = str | Mapping[str, Any] | ChatCompletion | Sequence[Mapping[str, Any] | ChatCompletion]
"""A text, which the user says; or the whole conversation, in which a completion stands for its message."""

Input: TypeAlias = str | Mapping[str, Any] | Response | Sequence[Mapping[str, Any] | Response]


class AsyncCompletions(Resource):
    """Complete a chat; every method is a coroutine."""

    @overload
    async def create(
        self, model: str, messages: Messages, *, stream: Literal[False] = False, **params: Any
    ) -> ChatCompletion: ...
    @overload
    async def create(
        self, model: str, messages: Messages, *, stream: Literal[True], **params: Any
    ) -> AsyncTextStream[ChatCompletion]: ...
    @overload
    async def create(
        self, model: str, messages: Messages, *, stream: bool, **params: Any
    ) -> ChatCompletion | AsyncTextStream[ChatCompletion]: ...
    async def create(
        self,
        model: str,
        messages: Messages,
        *,
        stream: bool = False,
        timeout: float | None = None,
        reuse: bool | None = None,
        **params: Any,
    ) -> ChatCompletion | AsyncTextStream[ChatCompletion]:
        """Ask a text model for the next turn of a conversation. It is asked once, and billed once.

        The API remembers nothing: each call sends the whole conversation.

        Parameters
        ----------
        model : str
            The model's slug, such as ``"gpt-5"``. A router may let another model answer.
        messages : str or list
            What the user says, or messages such as ``{"role": "user", "content": "…"}``. A content may be a
            list of parts: texts, and pictures (a path, a Pillow image, a prediction). A `ChatCompletion`
            stands for its message.
        stream : bool
            Whether to return the text as it is written, piece by piece.
        timeout : float, optional
            Seconds without a byte from the API after which it is given up; the client's own when None. An
            answer that is not streamed comes in one piece, so long ones may need more, or a stream.
        reuse : bool, optional
            Take the newest answer to an equal request from the archive, at no cost, where there is one. None
            leaves it to ``sky.options.reuse``; a stream is always new.
        **params
            Whatever else the route takes: ``max_tokens`` (hidden reasoning counts, too), ``temperature``,
            ``top_p``, ``n``, ``stop``, ``tools`` (Python functions with type hints, or dicts),
            ``tool_choice``, ``response_format``, …; what this version does not know is sent as it is. A
            ``system`` text becomes the first message.

        Returns
        -------
        ChatCompletion, or AsyncTextStream (TextStream of a blocking client)
            With ``stream=True`` as soon as the API has begun to answer.

        Raises
        ------
        InvalidInputError, NotFoundError, AuthenticationError, ContentPolicyError, RateLimitError
            It was refused, and nothing was billed.
        BudgetExceeded
            A budget refused it; nothing was sent.
        NetworkError, ServerError
            ``charged`` says whether it may have been billed: False, or None where nobody knows. Such calls
            are listed nowhere, so what may have been accepted is never sent again.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        ...     made = client.chat.completions.create("gpt-5", "Write three prompts about owls.")
        >>> made.text.splitlines()[0]
        '1. owls at dawn, soft light'
        """
        how = {"stream": stream, "timeout": timeout, "reuse": reuse}
        found = await _create(self, requests.chat, model, messages, **how, **params)
        return AsyncTextStream(found) if isinstance(found, TextSource) else found


class AsyncResponses(Resource):
    """Ask for responses, which can be chained; every method is a coroutine."""

    @overload
    async def create(
        self, model: str, input: Input, *, stream: Literal[False] = False, **params: Any
    ) -> Response: ...
    @overload
    async def create(
        self, model: str, input: Input, *, stream: Literal[True], **params: Any
    ) -> AsyncTextStream[Response]: ...
    @overload
    async def create(
        self, model: str, input: Input, *, stream: bool, **params: Any
    ) -> Response | AsyncTextStream[Response]: ...
    async def create(
        self,
        model: str,
        input: Input,
        *,
        stream: bool = False,
        timeout: float | None = None,
        reuse: bool | None = None,
        **params: Any,
    ) -> Response | AsyncTextStream[Response]:
        """Ask a text model for one turn, perhaps after one that the API has kept. It is billed once.

        Errors are those of ``chat.completions.create``.

        Parameters
        ----------
        model : str
            The model's slug, such as ``"skytells-3"``.
        input : str or list
            What the user says, or messages and other items; pictures as in ``chat.completions.create``.
        stream, timeout, reuse
            As in ``chat.completions.create``.
        **params
            Whatever else the route takes: ``instructions``, ``store=True`` and ``previous_response_id`` to
            go on, ``max_output_tokens``, ``tools``, ``reasoning``, …

        Returns
        -------
        Response, or AsyncTextStream (TextStream of a blocking client)
            With ``stream=True`` as soon as the API has begun to answer.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        ...     client.responses.create("skytells-3", "hello", instructions="Be brief.").status
        'completed'
        """
        how = {"stream": stream, "timeout": timeout, "reuse": reuse}
        found = await _create(self, requests.responses, model, input, **how, **params)
        return AsyncTextStream(found) if isinstance(found, TextSource) else found


class AsyncEmbeddings(Resource):
    """Turn texts into vectors; every method is a coroutine."""

    async def create(
        self,
        /,
        model: str,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
        *,
        dimensions: int | None = None,
        timeout: float | None = None,
        **params: Any,
    ) -> Vectors:
        """Turn texts into vectors in which like texts lie close. It is billed once.

        The vectors come in the order of the texts; errors are those of ``chat.completions.create``.

        Parameters
        ----------
        model : str
            The model's slug, such as ``"skytells-embed-3-small"``.
        input : str or list
            A text, a list of texts (a Series, too), or token ids.
        dimensions : int, optional
            Shorter vectors than the model's own.
        timeout : float, optional
            Seconds to wait for the answer; the client's own when None.
        **params
            Whatever else the route takes, such as ``encoding_format="base64"``, which is decoded here.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
        ...     client.embeddings.create("skytells-embed-3-small", ["a fox", "a hen"], dimensions=16)
        Embeddings of 2, 16 dimensions each, model='skytells-embed-3-small'
        """
        if dimensions is not None:
            params["dimensions"] = dimensions
        made: Vectors = await _create(self, requests.embeddings, model, input, timeout=timeout, **params)
        return made


async def _create(
    resource: Resource,
    build: Callable[..., TextRequest],
    *asked: object,
    stream: object = False,
    reuse: object = False,
    **params: Any,
) -> Any:
    """Build a request, send it, and return its answer, or what reads its stream."""
    streams = check_flag("stream", stream)
    if streams or build is requests.embeddings:
        if reuse:
            raise InvalidInputError("Streams and embeddings are always asked anew. Leave reuse=True out.")
        reuse = False
    sending = _send(resource._connection, build, *asked, stream=streams, reuse=reuse, **params)  # noqa: SLF001 - the same idea
    return await resource._on_loop(sending)  # noqa: SLF001 - the same idea


async def _send(
    connection: Connection,
    build: Callable[..., TextRequest],
    *asked: object,
    stream: bool,
    reuse: Any = False,
    observers: Sequence[Observer] = (),
    **params: Any,
) -> Any:
    # In a thread, since pictures may be read and encoded: a loop that does so holds up everybody.
    request = await asyncio.to_thread(build, *asked, stream=stream, origin=connection.origin, **params)
    if stream:
        return await ask_for_stream(connection, request, observers)
    kept = await find_reusable(connection, request.model, request.input, reuse)
    if kept is not None:
        return request.restored(kept)
    return await ask(connection, request, watch_created(observers))


async def open_stream(
    connection: Connection,
    route: AnsweringRoute,
    model: str,
    asked: object,
    *,
    observers: Sequence[Observer] = (),
    **params: Any,
) -> AsyncTextStream[Any]:
    """Ask for a stream on the toolkit's loop; ``observers`` hear of this call alone."""
    build = requests.chat if route == "chat" else requests.responses
    found = await _send(connection, build, model, asked, stream=True, observers=observers, **params)
    return AsyncTextStream(found)


class Completions(Resource):
    """Complete a chat; every call returns when it is done, or with ``stream=True`` when the answer begins."""

    @overload
    def create(
        self, model: str, messages: Messages, *, stream: Literal[False] = False, **params: Any
    ) -> ChatCompletion: ...
    @overload
    def create(
        self, model: str, messages: Messages, *, stream: Literal[True], **params: Any
    ) -> TextStream[ChatCompletion]: ...
    @overload
    def create(
        self, model: str, messages: Messages, *, stream: bool, **params: Any
    ) -> ChatCompletion | TextStream[ChatCompletion]: ...
    def create(
        self,
        model: str,
        messages: Messages,
        *,
        stream: bool = False,
        timeout: float | None = None,
        reuse: bool | None = None,
        **params: Any,
    ) -> ChatCompletion | TextStream[ChatCompletion]:
        how = {"stream": stream, "timeout": timeout, "reuse": reuse}
        found = run(_create(self, requests.chat, model, messages, **how, **params))
        return TextStream(found) if isinstance(found, TextSource) else found

    create.__doc__ = AsyncCompletions.create.__doc__


class Responses(Resource):
    """Ask for responses, which can be chained; see `Completions`."""

    @overload
    def create(
        self, model: str, input: Input, *, stream: Literal[False] = False, **params: Any
    ) -> Response: ...
    @overload
    def create(
        self, model: str, input: Input, *, stream: Literal[True], **params: Any
    ) -> TextStream[Response]: ...
    @overload
    def create(
        self, model: str, input: Input, *, stream: bool, **params: Any
    ) -> Response | TextStream[Response]: ...
    def create(
        self,
        model: str,
        input: Input,
        *,
        stream: bool = False,
        timeout: float | None = None,
        reuse: bool | None = None,
        **params: Any,
    ) -> Response | TextStream[Response]:
        how = {"stream": stream, "timeout": timeout, "reuse": reuse}
        found = run(_create(self, requests.responses, model, input, **how, **params))
        return TextStream(found) if isinstance(found, TextSource) else found

    create.__doc__ = AsyncResponses.create.__doc__


class Embeddings(Resource):
    """Turn texts into vectors; every call returns when it is done."""

    create = blocking(AsyncEmbeddings.create)


class AsyncChat(Resource):
    """The chat route; ``completions.create`` is a coroutine."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.completions = AsyncCompletions(connection)


class Chat(Resource):
    """The chat route.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     client.chat.completions.create("gpt-5", "hello").finish_reason
    'stop'
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.completions = Completions(connection)
