"""`Chat`: talk with a text model in a cell; what it answers is written there while it comes.

The conversation is a list of turns, each a question and what came of it. A press of *Send* adds one and
starts a task on the toolkit's loop, so other cells can run meanwhile; every drawing comes from that task.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any, Final

import ipywidgets as w
import traitlets

from .._options import options
from ..aio import run, submit
from ..api import AsyncClient, Client, as_text_input, check_text_names, client_of, open_stream
from ..checks import expected
from ..display import answer_html, follow, to_html
from ..exceptions import InvalidInputError, SkytellsError
from ..filetypes import HEAD, sniff
from ..formatting import format_cost, format_count, money_unit
from ..models import AnsweringRoute, ChatCompletion, Model, Response
from ..spending import Budget, as_observers, own_budget
from ._codegen import Upload, connect_line, in_a_file, literal, take_files
from ._views import (
    Layouts,
    StaticOutput,
    Summarized,
    click_hint,
    code_html,
    describe,
    heading_html,
    ipykernel_version,
    style_sheet,
)

_PICTURE: Final = 96
_PICTURE_BYTES: Final = 12_000
_OWN: Final = frozenset({"model", "messages", "input", "stream"})
_WRITING: Final = "An answer is being written. Wait for it, or stop it with chat.stop()."
_AGAIN: Final = (
    '<div style="opacity:0.65;font-size:12px;padding:2px 0 6px">'
    "This conversation as it was. Run the cell to begin a new one.</div>"
)


@dataclass(eq=False)
class _Turn:
    """A question, and what came of it."""

    text: str
    pictures: tuple[Any, ...] = ()
    answer: ChatCompletion | Response | None = None
    error: SkytellsError | None = None
    writing: bool = True
    stopped: bool = False
    task: asyncio.Task[Any] | None = None
    html: Any = None
    widgets: list[Any] = field(default_factory=list)

    @property
    def content(self) -> Any:
        """What the user's message says, as the client takes it."""
        if not self.pictures:
            return self.text
        seen = [each.data if isinstance(each, Upload) else each for each in self.pictures]
        return [self.text, *seen] if self.text else seen

    @property
    def answered(self) -> bool:
        return self.answer is not None and bool(self.answer.text or self.answer.tool_calls)


class Chat(Summarized, w.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A conversation with a text model, as a widget.

    What is typed is sent with *Send* or Ctrl+Enter, and the answer grows in place; *Stop* closes the stream
    and keeps what came. *Edit* on an earlier question takes the conversation back to it. Other cells can run
    meanwhile. A saved notebook keeps the conversation as plain HTML.

    Parameters
    ----------
    model : str or Model
        A text model's slug, such as ``"gpt-5"``.
    system : str, optional
        What the model is told before anything else.
    client : Client or AsyncClient, optional
        The newest open client, or else ``sky.connect()``, unless given.
    budget : amount or Budget, optional
        What this conversation may spend in all, as for a `PromptForm`. A turn that might cross it is refused
        before it is sent; ``max_tokens`` bounds what a turn may cost.
    **params
        Sent with every turn, such as ``temperature=0.2`` or ``max_tokens=500``.

    Attributes
    ----------
    answers : list of ChatCompletion or Response
        The answers, oldest first, also one that was stopped.
    status : str
        ``idle`` or ``writing``.
    budget : Budget or None
        Its own budget, with what is left of it.

    Raises
    ------
    NotFoundError
        There is no such model.
    InvalidInputError
        The model does not chat, or an argument makes no sense.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0) as sandbox, sandbox.client() as client:
    ...     chat = sky.Chat("gpt-5", system="Be brief.", client=client)
    ...     answer = chat.ask("Why is the sea blue?")
    ...     answer.finish_reason, [message["role"] for message in chat.messages]
    ('stop', ['system', 'user', 'assistant'])
    """

    status = traitlets.Unicode("idle", help="Whether an answer is being written.")

    def __init__(
        self,
        model: str | Model,
        system: str | None = None,
        *,
        client: Client | AsyncClient | None = None,
        budget: Budget | Decimal | float | str | None = None,
        **params: Any,
    ) -> None:
        if system is not None and not isinstance(system, str):
            raise expected("system", "a text", system)
        if own := sorted(_OWN & params.keys()):
            raise InvalidInputError(f"A chat says {own[0]!r} itself: leave it out.")
        self._client = client_of(client)
        self._model = model if isinstance(model, Model) else run(self._client.models.get(model))
        route = self.model.text_route
        if route is None or route == "embeddings":
            maker = "client.embeddings.create" if route else f"sky.PromptForm({self.model.id!r})"
            raise InvalidInputError(f"{self.model.id!r} does not chat. Use {maker}.")
        self._route: AnsweringRoute = route
        check_text_names(params)
        self.system = system
        self.params = params
        self.budget = own_budget(budget)
        self.answers: list[ChatCompletion | Response] = []
        self._turns: list[_Turn] = []
        self._lock = threading.RLock()  # clicks come on the main thread or a subshell's, pieces on the loop's
        self._future: concurrent.futures.Future[None] | None = None
        self._editing: int | None = None
        self._attached: list[Any] = []
        self._static = StaticOutput()
        self._layouts = Layouts()
        super().__init__(_dom_classes=("sky-form", "sky-chat"))
        self._build()

    @property
    def model(self) -> Model:
        """The model that is asked; another one takes another chat."""
        return self._model

    @property
    def _unit(self) -> str:
        return money_unit(self._client.connection.account.sandbox)

    # --- what is said ------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation as the API takes it: what was asked and answered, the system's words first."""
        with self._lock:
            found = [{"role": "system", "content": self.system}] if self.system else []
            for turn in self._turns:
                if turn.answer is not None and turn.answered:
                    said = {"role": "assistant", "content": turn.answer.text}
                    if isinstance(turn.answer, ChatCompletion):
                        said = turn.answer.message
                    found += [{"role": "user", "content": turn.content}, said]
                elif turn is self._turns[-1] and turn.error is None:
                    found.append({"role": "user", "content": turn.content})
            return found

    @property
    def _sent(self) -> dict[str, Any]:
        """Its parameters in the words of its route."""
        body = as_text_input(self._route, {"prompt": "…", **self.params})
        return {name: value for name, value in body.items() if name not in _OWN}

    @property
    def cost(self) -> Decimal | None:
        """What all answers cost, also those edited away, which were paid for; None where one is unknown."""
        costs = [answer.cost for answer in self.answers]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if len(known) == len(costs) else None

    @property
    def code(self) -> str:
        """The Python that asks the same, turn by turn."""
        with self._lock:
            asked = [
                [turn.text, *in_a_file(turn.pictures, "picture", [])] if turn.pictures else turn.text
                for turn in self._turns
                if turn.error is None
            ]
        params = "".join(f", {name}={literal(value)}" for name, value in self._sent.items())
        system = [{"role": "system", "content": self.system}] if self.system else []
        call = "chat.completions" if self._route == "chat" else "responses"
        lines = [
            f"client = {connect_line(self._client.connection)}",
            f"messages = {literal(system)}",
            f"for content in {literal(asked)}:",
            '    messages.append({"role": "user", "content": content})',
            f"    answer = client.{call}.create({literal(self.model.id)}, messages{params})",
            "    messages.append(answer)",
            "sky.show(answer)",
        ]
        body = "\n".join(lines if asked else lines[:2])
        path = "from pathlib import Path\n\n" if "Path(" in body else ""
        return f"{path}import skytells_nb as sky\n\n{body}"

    def ask(
        self, text: str, pictures: Any = (), *, timeout: float | None = None
    ) -> ChatCompletion | Response:
        """Send, and wait for the whole answer.

        Parameters
        ----------
        text : str
            What to ask.
        pictures : list or tuple, optional
            Paths, Pillow images or predictions that go with it; one alone may stand without brackets.
        timeout : float, optional
            Seconds to wait at most; the answer goes on being written after that.

        Raises
        ------
        SkytellsError
            What went wrong; it stands in the chat as well.
        """
        self.send(text, pictures)
        turn = self._turns[-1]
        try:
            self.wait(timeout)
        except BaseException:
            self.stop()  # it would be written, and billed, to its end
            raise
        if turn.error is not None:
            raise turn.error
        if turn.answer is None:
            raise SkytellsError("It was stopped before the first word.", charged=None)
        return turn.answer

    def send(self, text: str, pictures: Any = ()) -> None:
        """Send, and return at once; parameters are those of `ask`.

        Raises
        ------
        InvalidInputError
            There is nothing to send, or an answer is being written.
        """
        if not isinstance(pictures, list | tuple):
            pictures = [pictures]  # one alone
        with self._lock:
            self._check(text, pictures)
            turn = _Turn(text.strip(), tuple(map(self._picture, pictures)))
            self._turns.append(turn)
            self._show_turn(turn)
            self._set_status("writing")
            self._future = submit(self._write(turn))

    def edit(self, index: int, text: str) -> None:
        """Ask a question anew; what came after it is forgotten, though not what it cost.

        Parameters
        ----------
        index : int
            Which question, from 0; -1 is the last.
        text : str
            What to ask in its place.
        """
        with self._lock:
            if not -len(self._turns) <= index < len(self._turns):
                asked = format_count(len(self._turns), "question")
                raise InvalidInputError(f"There is no question {index}: this chat has {asked}, from 0.")
            pictures = self._turns[index].pictures
            self._check(text, pictures)
            self._cut(index % len(self._turns))
            self.send(text, pictures)

    def _picture(self, given: Any) -> Any:
        """Return a picture that was given as a text, which would be taken for words, as one."""
        if not isinstance(given, str) or isinstance(given, Upload):
            return given
        if not given.startswith(("http://", "https://", "data:")):
            return Path(given)
        if self._route == "chat":
            return {"type": "image_url", "image_url": {"url": given}}
        return {"type": "input_image", "image_url": given}

    def _check(self, text: object, pictures: Sequence[Any]) -> None:
        """Refuse what cannot be sent, or not now."""
        if not isinstance(text, str):
            raise expected("text", "a text", text)
        if not text.strip() and not pictures:
            raise InvalidInputError("There is nothing to send: write something.")
        if self.status == "writing":
            raise InvalidInputError(_WRITING)

    def stop(self) -> None:
        """Close the stream; what came stays, and was billed as far as it was written."""
        with self._lock:
            if self.status != "writing":
                return
            turn = self._turns[-1]
            turn.stopped = True
            if turn.task is not None:  # of the loop's thread, and this is a click's
                turn.task.get_loop().call_soon_threadsafe(turn.task.cancel)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until nothing is being written, or so many seconds."""
        with self._lock:  # a press is under way on a subshell's thread, perhaps
            future = self._future
        if future is not None:
            concurrent.futures.wait((future,), timeout)

    def clear(self) -> None:
        """Begin anew; what was answered so far stays in ``answers``."""
        with self._lock:
            if self.status == "writing":
                raise InvalidInputError(_WRITING)
            self._cut(0)

    # --- what happens, on the toolkit's loop -------------------------------------------------------------

    async def _write(self, turn: _Turn) -> None:
        with self._lock:
            turn.task = asyncio.current_task()
        try:
            if turn.stopped:
                return
            connection, own = self._client.connection, as_observers(self.budget)
            connection.require_open()
            stream = await open_stream(
                connection, self._route, self.model.id, self.messages, observers=own, **self._sent
            )

            def draw(answer: Any, writing: bool) -> None:
                turn.answer, turn.html.value = answer, answer_html(answer, writing=writing)

            await follow(stream, draw)
        except Exception as error:  # noqa: BLE001 - shown where the answer would stand
            turn.error = (
                error if isinstance(error, SkytellsError) else SkytellsError(repr(error), charged=None)
            )
        finally:
            self._rest(turn)

    def _rest(self, turn: _Turn) -> None:
        """End a turn: keep its answer, show its error, and be ready for the next."""
        with self._lock:
            turn.writing = False
            if turn.answer is not None:
                self.answers.append(turn.answer)
            if turn.error is not None:
                shown = turn.html.value if turn.answered else ""
                turn.html.value = shown + describe(turn.error).html
            elif turn.answer is None:
                turn.html.value = '<div class="sky-muted">Stopped before the first word.</div>'
            self._set_status("idle")
            self._static.update(self._transcript(), _AGAIN)

    # --- what is shown -----------------------------------------------------------------------------------

    def _build(self) -> None:
        layouts = self._layouts
        sandbox = self._client.connection.account.sandbox
        self._log = w.VBox(layout=layouts.wide, _dom_classes=("sky-log",))
        self._box = w.Textarea(
            placeholder="Say something; Ctrl+Enter sends it",
            rows=3,
            layout=layouts.wide,
            tooltip="What to say",
            _dom_classes=("sky-prompt",),
        )
        self._send_button = layouts.make_button(
            self._pressed, ("sky-generate",), icon="paper-plane", button_style="primary"
        )
        self._stop_button = layouts.make_button(self.stop, ("sky-cancel",), description="Stop", icon="stop")
        self._upload = w.FileUpload(
            accept="image/*",
            description="Upload",
            layout=layouts.button,
            tooltip="Attach a picture",
            _dom_classes=("sky-upload", "sky-quiet"),
        )
        self._upload.observe(self._uploaded, "value")
        self._files = layouts.html()
        self._code_button = w.ToggleButton(
            description="Code", icon="code", layout=layouts.button, _dom_classes=("sky-quiet",)
        )
        self._code_button.observe(lambda _: self._show_code(), "value")
        self._panel = layouts.html(layout=layouts.wide)
        self._foot = layouts.html(layout=layouts.wide)
        row = w.HBox(
            [self._send_button, self._stop_button, self._upload, self._files, self._code_button],
            layout=layouts.wide,
            _dom_classes=("sky-actions",),
        )
        head = style_sheet() + self._static.style + heading_html(self.model, sandbox)
        self.children = [
            layouts.html(head, layout=layouts.wide),
            self._log,
            self._box,
            row,
            self._foot,
            self._panel,
        ]
        self._set_status("idle")

    def _pressed(self) -> None:
        """Send what stands in the box, with what is attached."""
        with self._lock:
            text, pictures = self._box.value, tuple(self._attached)
            if self.status == "writing" or not (text.strip() or pictures):
                return
            if self._editing is not None:
                self._cut(self._editing)
            self._attached, self._box.value = [], ""
            self._show_attached()
            self.send(text, pictures)

    def _begin_edit(self, turn: _Turn) -> None:
        """Put a question back into the box; sending it takes the conversation back to there."""
        with self._lock:
            if turn not in self._turns or self.status == "writing":
                return
            self._editing = self._turns.index(turn)
            self._box.value = turn.text
            self._attached = list(turn.pictures)
            self._show_attached()
            self._set_status("idle")

    def _cut(self, index: int) -> None:
        self._editing = None
        for turn in self._turns[index:]:
            for widget in turn.widgets:
                widget.close()
        self._turns = self._turns[:index]
        self._log.children = [turn.widgets[0] for turn in self._turns]
        self._set_status("idle")

    def _show_turn(self, turn: _Turn) -> None:
        asked = self._layouts.html(_asked_html(turn), layout=self._layouts.growing)
        edit = self._layouts.make_button(
            lambda: self._begin_edit(turn), ("sky-quiet", "sky-again"), description="Edit", icon="pencil"
        )
        top = w.HBox([asked, edit], layout=self._layouts.wide, _dom_classes=("sky-asked",))
        turn.html = self._layouts.html('<div class="sky-muted">Sending…</div>', layout=self._layouts.wide)
        turn.widgets = [w.VBox([top, turn.html], layout=self._layouts.wide), top, asked, edit, turn.html]
        self._log.children = [*self._log.children, turn.widgets[0]]

    def _set_status(self, status: str) -> None:
        self.set_trait("status", status)
        writing = status == "writing"
        self._send_button.disabled = writing
        self._send_button.description = "Send" if self._editing is None else "Send again from here"
        self._stop_button.disabled = not writing
        hint = click_hint(ipykernel_version()) if writing else ""
        self._foot.value = f'<div class="sky-muted">{escape(hint or self._so_far())}</div>'
        self._show_code()

    def _so_far(self) -> str:
        budget = self.budget
        left = "" if budget is None else f"{format_cost(budget.remaining, self._unit)} left of the budget"
        if not self.answers:
            return left
        known = sum((answer.cost or Decimal(0) for answer in self.answers), Decimal(0))
        tokens = sum(answer.usage.total_tokens or 0 for answer in self.answers if answer.usage is not None)
        least = "" if self.cost is not None else "at least "
        cost = format_cost(known, self._unit)
        said = f"This conversation so far: {least}{cost} · {format_count(tokens, 'token')}"
        return f"{said} · {left}" if left else said

    def _show_code(self) -> None:
        self._panel.value = code_html(self.code, "python") if self._code_button.value else ""

    def _uploaded(self, change: Any) -> None:
        if not change["new"]:
            return
        files = take_files(self._upload)
        with self._lock:
            pictures = [each for each in files if (sniff(each[0][:HEAD]) or "").startswith("image/")]
            self._attached += [Upload.of(*each) for each in pictures]
            odd = ", ".join(each[2] for each in files if each not in pictures)
            self._show_attached(f"Left out, since it is no picture: {odd}." if odd else "")

    def _show_attached(self, remark: str = "") -> None:
        names = ", ".join(getattr(each, "name", None) or str(each)[:60] for each in self._attached)
        text = " · ".join(part for part in (names, remark) if part)
        self._files.value = f'<span class="sky-muted">{escape(text)}</span>' if text else ""

    def _transcript(self) -> str:
        """Return the conversation as HTML that needs no kernel."""
        return "".join(_asked_html(turn) + turn.html.value for turn in self._turns)

    def _summary(self, *, whole: bool) -> str:
        name, transcript = escape(self.model.name or self.model.id), self._transcript() if whole else ""
        about = '<span style="opacity:0.65"> · a chat; run this cell to use it</span>'
        return f'<div style="line-height:1.5"><div><b>{name}</b>{about}</div>{transcript}</div>'

    def __repr__(self) -> str:
        return f"Chat({self.model.id!r}, {format_count(len(self._turns), 'turn')}, {self.status})"


def _asked_html(turn: _Turn) -> str:
    """Return a question as HTML: its words, and small pictures of what goes with it."""
    pictures = ""
    for each in turn.pictures:
        if isinstance(each, dict):
            pictures += f"<div>{escape(str(each['image_url']))}</div>"
            continue
        try:
            with options(thumbnail_size=_PICTURE, cell_budget=_PICTURE_BYTES):
                pictures += to_html(each.data if isinstance(each, Upload) else each)
        except SkytellsError as error:
            pictures += escape(error.message)
    words = f'<div dir="auto" style="white-space:pre-wrap;font-weight:500">{escape(turn.text)}</div>'
    return f'<div style="border-left:3px solid;padding-left:10px;margin:8px 0 4px">{words}{pictures}</div>'
