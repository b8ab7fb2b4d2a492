"""Webhook deliveries: their signatures (skytells-api.md section 7), and a small server that collects them.

The server listens on loopback: the real API reaches it through a tunnel of yours, the sandbox directly. What
is signed and new is kept and handed out. Attached to a client it also tells that client's waits, which go on
polling in case a delivery is lost, and its archive. Where that cannot keep the outputs the answer is 503, so
that the API delivers once more: what comes again after a failure is no duplicate.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Self

from .api import AsyncClient, Client, Key, check_identifier, client_of, hides_arguments, patience
from .exceptions import InvalidInputError, SkytellsError, WaitTimeoutError, WebhookSignatureError, warn_user
from .models import Prediction, lacks_output

__all__ = ["Receiver", "parse", "verify"]

_BROKEN: Final = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no encoding has."""


class Secrets:
    """One secret or several, checked, behind a repr that is safe in a traceback with variables.

    A client's ``key`` is not one of them, but is to stand in no delivery either.
    """

    __slots__ = ("_keys", "_values")

    def __init__(self, given: object, key: Key | None = None) -> None:
        values = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else []
        # Refuse what is none, rather than trust everybody or nobody.
        if not values or not all(
            isinstance(each, str) and each and not _BROKEN.search(each) for each in values
        ):
            raise InvalidInputError(
                "A webhook's secret must be a non-empty string: the API key, or the dashboard's secret."
            )
        self._values: list[str] = values
        self._keys = [*map(Key, values), *([key] if key is not None else [])]

    @classmethod
    def of(cls, given: Secrets | str | Iterable[str]) -> Secrets:
        return given if isinstance(given, Secrets) else cls(given)

    def match(self, body: bytes, signature: str) -> bool:
        """Return whether one of them signed a body; all are tried, so that time tells nothing."""
        given = signature.encode("utf-8", "replace")
        matches = [
            hmac.compare_digest(hmac.new(each.encode(), body, hashlib.sha256).hexdigest().encode(), given)
            for each in self._values
        ]
        return any(matches)

    def blank(self, body: bytes) -> bytes:
        for key in self._keys:
            body = key.blank(body)
        return body

    def __repr__(self) -> str:
        return "Secrets(…)"


@hides_arguments
def verify(body: bytes | str, signature: str | None, secret: str | Iterable[str] | Secrets) -> bool:
    """Return whether a delivery was signed with a secret of yours, compared in constant time.

    Parameters
    ----------
    body : bytes or str
        The request's body exactly as it arrived; JSON that was decoded and written again will not do.
    signature : str or None
        The ``X-Skytells-Signature`` header: HMAC-SHA256 of the body in hex.
    secret : str or iterable of str
        The account's API key in general mode, the dashboard's webhook secret in enterprise mode; several
        while a secret is being changed.

    Raises
    ------
    InvalidInputError
        The secret is none, or the body is not as it arrived, such as JSON that was decoded.

    Examples
    --------
    >>> from skytells_nb import webhooks
    >>> signature = "9bd8b63f50664a796a649e90cd123a8a9e25eaf93fb1589cd1f9f6aa776253a3"
    >>> webhooks.verify(b'{"id":"p1","status":"succeeded"}', signature, "sk-test")
    True
    >>> webhooks.verify(b'{"id":"p2","status":"succeeded"}', signature, "sk-test")
    False
    """
    given = signature.strip().lower() if isinstance(signature, str) else ""
    return Secrets.of(secret).match(_arrived(body), given)


def _arrived(body: object) -> bytes:
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    raise InvalidInputError(
        f"A webhook's body must be bytes or a string, just as it arrived, not {type(body).__name__}. Pass "
        "the raw body of the request, before any JSON is decoded."
    )


@hides_arguments
def parse(
    body: bytes | str,
    signature: str | None = None,
    secret: str | Iterable[str] | Secrets | None = None,
    *,
    origin: str | None = None,
) -> Prediction:
    """Parse the prediction in a delivery, in either documented form, after checking its signature.

    Parameters
    ----------
    body : bytes or str
        The request's body exactly as it arrived.
    signature : str, optional
        The ``X-Skytells-Signature`` header.
    secret : str or iterable of str, optional
        Whom to believe. Without it nothing is checked, so there must be no signature either: only for a
        body that was checked before.
    origin : str, optional
        The base URL of the API that it came from.

    Raises
    ------
    WebhookSignatureError
        The signature is missing or wrong.
    InvalidInputError
        There is a signature and no secret to check it by, or the body is not as it arrived.
    SkytellsError
        The body holds no prediction.

    Examples
    --------
    >>> from skytells_nb import webhooks
    >>> body = b'{"type": "prediction.failed", "data": {"id": "p1", "status": "failed", "error": "NSFW"}}'
    >>> webhooks.parse(body).error
    'NSFW'
    """
    secrets = None if secret is None else Secrets.of(secret)
    if secrets is None and signature is not None:
        raise InvalidInputError(
            "The delivery has a signature, and there is no secret to check it with. Pass secret=; if it is "
            "from the environment, check that it is set there."
        )
    if secrets is not None and not verify(body, signature, secrets):
        how = "no signature" if not signature else "a signature that does not match"
        raise WebhookSignatureError(
            f"Webhook delivery rejected: it has {how}. Check the secret (the API key, or in enterprise mode "
            "the dashboard's), and pass the body as it came.",
            status_code=401,
            error_id="WEBHOOK_SIGNATURE_INVALID",
            charged=False,
        )
    arrived = _arrived(body)
    return Prediction.from_api(
        _unwrapped(arrived if secrets is None else secrets.blank(arrived)), origin=origin
    )


def _unwrapped(body: bytes) -> dict[str, Any]:
    try:
        read = json.loads(body.decode("utf-8-sig", "surrogatepass"))  # in UTF-16 nobody has looked for a key
    except (ValueError, RecursionError):
        read = None
    if isinstance(read, dict) and isinstance(read.get("data"), dict):
        is_event = "id" not in read or str(read.get("type")).startswith("prediction.")
        read = read["data"] if is_event else read
    if not isinstance(read, dict):
        raise SkytellsError(
            "The webhook delivery holds no prediction: its body is no JSON object. Read the prediction with "
            "client.predictions.get(id).",
            charged=False,
        )
    return read


_SLICE: Final = 0.25
_LARGEST: Final = 10 * 2**20
_REMEMBERED: Final = 10_000
_OUTPUT_WITHIN: Final = 5.0
"""Seconds in which the output of what has succeeded must show."""

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]


class Receiver:
    """Collects signed deliveries at ``receiver.url``.

    Parameters
    ----------
    secret : str or iterable of str
        What deliveries are signed with: the API key, or the dashboard's webhook secret.
    client : Client or AsyncClient, optional
        Attach it: what ends is archived as its archive would, and its waits hear of it at once.
    host, port
        Where to listen; loopback and a free port unless given.

    Attributes
    ----------
    url : str
        Where to send deliveries; its path cannot be guessed.
    refused, duplicates : int
        How many deliveries had a wrong signature, and how many had come before.
    closed : bool
        Whether it has stopped listening.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client() as client:
    ...     with sky.webhooks.Receiver(sandbox.api_key) as receiver:
    ...         made = client.predictions.create(
    ...             "truefusion", {"prompt": "a fox"}, webhook=receiver.url, wait=False)
    ...         receiver.wait(made.id, timeout=30).status
    'succeeded'
    """

    @hides_arguments
    def __init__(
        self,
        secret: str | Iterable[str],
        *,
        client: Client | AsyncClient | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._client = None if client is None else client_of(client)
        self._secret = Secrets(secret, None if self._client is None else self._client.connection.key)
        # The signature is the proof. A path that cannot be guessed only keeps strangers' noise away.
        self._path = f"/skytells-{secrets.token_urlsafe(12)}"
        self._known: OrderedDict[tuple[str, str], asyncio.Task[bool]] = OrderedDict()
        self._latest: OrderedDict[str, Prediction] = OrderedDict()
        self._arrived: deque[Prediction] = deque(maxlen=_REMEMBERED)
        self._askers: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[Prediction]]] = deque()
        self._changed = threading.Condition()
        self.refused = 0
        self.duplicates = 0
        self.closed = False
        self._listener = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._listener.getsockname()[1]}{self._path}"
        self._server = _start(self._answer, self._listener)

    def __repr__(self) -> str:
        return f"Receiver({self.url!r}, {len(self._latest)} received, {self.refused} refused)"

    def wait(self, prediction: Prediction | str, *, timeout: float | None = None) -> Prediction:
        """Wait until a delivery says that a prediction has ended; returns it as delivered.

        Parameters
        ----------
        prediction : Prediction or str
            The prediction, or its id.
        timeout : float, optional
            Seconds to wait at most, half an hour when None.

        Raises
        ------
        WaitTimeoutError
            Nothing was delivered in time. The prediction can be read by its id.
        SkytellsError
            The receiver is closed, and no delivery said so before.
        InvalidInputError
            What was given is no prediction and no id, or ``timeout`` no time.
        """
        identifier = prediction.id if isinstance(prediction, Prediction) else prediction
        check_identifier(identifier, "prediction")
        until = time.monotonic() + patience(timeout)
        with self._changed:
            while True:
                found = self._latest.get(identifier)
                if found is not None and found.done:
                    return found
                self._require_open()
                left = until - time.monotonic()
                if left <= 0:
                    raise WaitTimeoutError(
                        f"No webhook for {identifier} within the timeout. Read it with "
                        f"client.predictions.get({identifier!r}).",
                        prediction=found,
                    )
                # In slices, because an endless wait of a thread cannot be interrupted on every system.
                self._changed.wait(min(_SLICE, left))

    async def get(self) -> Prediction:
        """Return the next delivery that nobody has taken yet, waiting for it if need be.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client() as client:
        ...     with sky.webhooks.Receiver(sandbox.api_key) as receiver:
        ...         made = client.predictions.create(
        ...             "truefusion", {"prompt": "a fox"}, wait=False,
        ...             webhook=receiver.url, webhook_events_filter=["completed"])
        ...         sky.run(receiver.get()).id == made.id
        True
        """
        loop = asyncio.get_running_loop()
        with self._changed:
            if self._arrived:
                return self._arrived.popleft()
            self._require_open()
            turn: asyncio.Future[Prediction] = loop.create_future()
            self._askers.append((loop, turn))
        while True:
            done, _ = await asyncio.wait({turn}, timeout=_SLICE)
            if done:
                return turn.result()
            if self.closed:
                turn.cancel()
                self._require_open()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Prediction:
        return await self.get()

    def _require_open(self) -> None:
        if self.closed:
            raise SkytellsError("Receiver is closed. Make a new one, or read predictions by their ids.")

    def close(self) -> None:
        """Stop listening."""
        self.closed = True
        stop, thread = self._server
        stop()
        thread.join(5.0)
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def _answer(self, scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] != "http":
            return
        status, text = await self._receive(scope, receive)
        body = text.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _receive(self, scope: Scope, receive: Channel) -> tuple[int, str]:
        if scope["path"] != self._path:
            return 404, '{"error":"no receiver at this path"}'
        if scope["method"] != "POST":
            return 405, '{"error":"deliveries come by POST"}'
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400, "{}"
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > _LARGEST:
                return 413, '{"error":"too large"}'
            more = message.get("more_body", False)
        headers = {name.lower(): value for name, value in scope["headers"]}
        signature = headers.get(b"x-skytells-signature", b"").decode("latin-1")
        origin = None if self._client is None else self._client.base_url
        try:
            prediction = parse(b"".join(chunks), signature, self._secret, origin=origin)
        except WebhookSignatureError:
            with self._changed:
                self.refused += 1
            return 401, '{"error":"the signature does not match"}'
        except SkytellsError:
            return 422, '{"error":"no prediction in it"}'
        # The API delivers again what it thinks was missed: the same news may come several times (section 7).
        key = (prediction.id, prediction.status)
        with self._changed:
            keeping = self._known.get(key)
            if keeping is not None:
                self.duplicates += 1
            else:
                # In a thread: `see_end` waits for the toolkit's loop, and this server has a loop of its own.
                keeping = asyncio.ensure_future(asyncio.to_thread(self._keep, prediction))
                self._known[key] = keeping
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        is_kept = False
        try:
            # What comes again while the first is being kept is told what becomes of that one.
            is_kept = await asyncio.shield(keeping)
        finally:
            # Forgotten again, or the next delivery would pass for a duplicate and its output be lost.
            if not is_kept:
                with self._changed:
                    self._known.pop(key, None)
        if is_kept:
            return 200, '{"received":true}'
        return 503, '{"error":"not archived; deliver it again"}'

    def _keep(self, prediction: Prediction) -> bool:
        """Tell everyone who waits for what was delivered; returns False when it could not be archived."""
        is_archived = True
        if self._client is not None:
            connection = self._client.connection
            connection.tell(prediction)
            if prediction.done:
                try:
                    if lacks_output(prediction) and not connection.closed:  # it shows a moment after the end
                        going = replace(prediction, status="processing")
                        with suppress(WaitTimeoutError):
                            prediction = self._client.as_sync().predictions.wait(
                                going, timeout=_OUTPUT_WITHIN
                            )
                    prediction = connection.see_end(prediction)
                except SkytellsError as error:
                    is_archived = False
                    warn_user(f"Prediction {prediction.id} was delivered and not archived: {error}")
                if connection.archive and prediction.status == "succeeded" and prediction.output:
                    is_archived = is_archived and bool(prediction.files)
        with self._changed:
            known = self._latest.get(prediction.id)
            comes_again = known is not None and known.status == prediction.status
            if known is None or not known.done or comes_again:
                self._latest[prediction.id] = prediction
            while len(self._latest) > _REMEMBERED:
                self._latest.popitem(last=False)
            if not comes_again:
                self._hand_out(prediction)
            self._changed.notify_all()
        return is_archived

    def _hand_out(self, prediction: Prediction) -> None:
        while self._askers:
            loop, turn = self._askers.popleft()
            if turn.cancelled() or loop.is_closed():
                continue
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._settle, turn, prediction)
                return
        self._arrived.append(prediction)

    def _settle(self, turn: asyncio.Future[Prediction], prediction: Prediction) -> None:
        """Hand a delivery to who asked first, or to the next one if that one has gone."""
        if not turn.done():
            turn.set_result(prediction)
            return
        with self._changed:
            self._hand_out(prediction)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, so that asyncio sets NODELAY.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError, TypeError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or error
        raise SkytellsError(
            f"Cannot listen on {host}:{port}: {str(why).rstrip('.')}. Leave port out to take a free one."
        ) from None
    listener.listen(128)
    return listener


def _start(
    application: Callable[[Scope, Channel, Channel], Awaitable[None]], listener: socket.socket
) -> tuple[Callable[[], None], threading.Thread]:
    """Serve an ASGI application on a socket in a daemon thread; returns what stops it, and the thread."""
    import uvicorn

    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off"}
    server = uvicorn.Server(
        uvicorn.Config(application, interface="asgi3", timeout_graceful_shutdown=2, **quiet)
    )

    def serve() -> None:
        asyncio.run(server.serve(sockets=[listener]))

    def stop() -> None:
        server.should_exit = True

    thread = threading.Thread(target=serve, name="skytells-receiver", daemon=True)
    thread.start()
    return stop, thread
