"""The class's vote: which of two of the teacher's pictures is better, on every learner's phone or browser.

Whatever the teacher has made of one input with several models is voted on, with the learner's key and without
a word of the models; texts too, also what text models answer at once. The votes are for the teacher, who sees
the ranking grow on a page of their own, and takes them into ``sky.Arena`` by ``/__sandbox__/votes``.
"""

from __future__ import annotations

import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from html import escape
from itertools import combinations
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote

from . import _errors as errors
from ._accounts import OWNER, Call
from ._class_gallery import STYLE, is_shown, page_file, page_headers, thumbnail
from ._core import Core
from ._jobs import SECOND, Job
from ._messages import HttpResponse, dump
from ._state import State

CHOICES: Final = {"left": "← Left", "both": "↑ Both good", "neither": "↓ Neither", "right": "Right →"}
#: Seconds between two loadings of the teacher's page.
EVERY: Final = 5
#: Pixels of a picture's longer side.
EDGE: Final = 768
_ROUNDS: Final = 200

_STYLE: Final = STYLE + page_file("vote.css")
# Keys press buttons, once a page: a second press would be a vote on what nobody has seen.
_SCRIPT: Final = page_file("vote.js")
HEADERS: Final = page_headers(_STYLE, _SCRIPT)


class Matchup(NamedTuple):
    """Two predictions of one input."""

    left: Job
    right: Job

    @property
    def key(self) -> str:
        """What tells it from other pairs, whichever side is which."""
        return " ".join(sorted((self.left.id, self.right.id)))


def teachers_word(state: State) -> str:
    """Return the word in the path of the teacher's page, which only the teacher's key leads to."""
    return hmac.new(state.api_key.encode(), b"ranking", "sha256").hexdigest()[:32]


def answer(core: Core, call: Call) -> HttpResponse:
    """Answer with a pair to vote on, with one of its pictures, or with the ranking."""
    route, request, now = call.route, call.request, call.now
    word = route.argument.encode()
    if core.has_class and hmac.compare_digest(word, teachers_word(core.state).encode()) and not route.rest:
        return _page(*_ranking(core, now), refresh=True)
    if not core.has_class or not hmac.compare_digest(word, core.state.gallery.encode()):
        raise errors.endpoint_not_found(request.method, request.target)
    if route.rest:
        return thumbnail(core, route.rest, now, edge=EDGE, whose=OWNER)
    if request.method != "POST":
        return _page("Class vote", "", _key_form("Your key"))
    sent = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        voter = core.accounts.admit(sent.get("key", "").strip(), "vote").name or "teacher"
    except errors.Refusal:
        return _page("Class vote", "", _key_form("That key is of nobody in this class. Your key"))
    pairs = pairs_of(core, now)
    _count(core, voter, sent, pairs, now)
    return _page(*_next(core, voter, sent["key"].strip(), pairs))


def pairs_of(core: Core, now: int) -> list[Matchup]:
    """List every two of the teacher's predictions that different models have made of one input."""
    seen: Counter[bytes] = Counter()
    made: dict[bytes, list[Job]] = {}
    for job in (*core.state.jobs.values(), *core.state.answers.values()):
        text = job.text is not None and job.phase(now) == "succeeded"
        if job.account == OWNER and (text or is_shown(job, now)):
            asked = dump(sorted(job.input.items()))
            seen[job.model.encode() + asked] += 1  # a second take of an input is another task
            made.setdefault(asked + b"%d" % seen[job.model.encode() + asked], []).append(job)
    return [
        Matchup(one, other)
        for jobs in made.values()
        for one, other in combinations(jobs, 2)
        if (one.text is None) is (other.text is None)
    ]


def _count(core: Core, voter: str, sent: dict[str, str], pairs: list[Matchup], now: int) -> None:
    """Keep a vote on a pair that there is; a second one takes the place of the first."""
    left, right, choice = sent.get("left", ""), sent.get("right", ""), sent.get("vote", "")
    key = " ".join(sorted((left, right)))
    if choice in CHOICES and any(pair.key == key for pair in pairs):
        vote: dict[str, str | float] = {"voter": voter, "vote": choice, "left": left, "right": right}
        core.state.vote(f"{key} {voter}", {**vote, "at": now / SECOND})


def _pair_of(name: str) -> str:
    """Return the key of the pair that a vote's name begins with: two ids, then the voter."""
    return " ".join(name.split(" ", 2)[:2])


def _next(core: Core, voter: str, key: str, pairs: list[Matchup]) -> tuple[str, str, str]:
    """Show the learner a pair they have not seen, of those that fewest have voted on; sides by chance."""
    voted = core.state.votes
    left = [pair for pair in pairs if f"{pair.key} {voter}" not in voted]
    note = f"{len(pairs) - len(left)} of {len(pairs)} pairs voted on by {escape(voter)}"
    if not pairs:
        return "Class vote", escape(voter), _wait(key, "Nothing to vote on yet.")
    if not left:
        return "That was every pair", note, _wait(key, "Thank you.")
    times = Counter(map(_pair_of, voted))
    dice = {pair.key: core.state.digest("vote", voter, pair.key) for pair in left}
    pair = min(left, key=lambda each: (times[each.key], dice[each.key]))
    one, other = pair if dice[pair.key][0] & 1 else pair[::-1]
    asked = escape(str(one.input.get("prompt", "")))
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in (("key", key), ("left", one.id), ("right", other.id))
    )
    buttons = "".join(
        f'<button name="vote" value="{name}">{words}</button>' for name, words in CHOICES.items()
    )
    sides = _side(core, one, "Left") + _side(core, other, "Right")
    form = (
        f'<p class="asked" dir="auto">{asked}</p><form method="post">{hidden}<div class="pair">{sides}</div>'
        f'<div class="choices">{buttons}</div></form>'
    )
    return "Which is better?", note, form


def _side(core: Core, job: Job, name: str) -> str:
    if job.text is not None:
        return f'<blockquote dir="auto">{escape(job.text)}</blockquote>'
    path = f"/class/{core.state.gallery}/vote/{quote(job.id, safe='')}/{quote(job.files[0][0], safe='')}"
    return f'<img src="{escape(path)}" alt="{name}" width="{EDGE}" height="{EDGE}" decoding="async">'


def _key_form(label: str) -> str:
    return (
        f'<form method="post"><label for="key">{escape(label)}</label><div class="key">'
        '<input id="key" name="key" required autocomplete="off" autocapitalize="off" spellcheck="false" '
        'placeholder="sk-sandbox-…"><button>Vote</button></div></form>'
    )


def _wait(key: str, words: str) -> str:
    return (
        f'<form method="post"><input type="hidden" name="key" value="{escape(key)}">'
        f'<p class="none">{words}</p><div class="choices"><button>Look again</button></div></form>'
    )


def _ranking(core: Core, now: int) -> tuple[str, str, str]:
    points: defaultdict[tuple[str, str], float] = defaultdict(float)
    pairs = {pair.key: pair for pair in pairs_of(core, now)}
    votes = [(pairs.get(_pair_of(name)), vote) for name, vote in core.state.votes.items()]
    for pair, vote in votes:
        if pair is not None:
            left, right = pair if pair.left.id == vote["left"] else pair[::-1]
            share = {"left": 1.0, "right": 0.0}.get(str(vote["vote"]), 0.5)
            points[left.model, right.model] += share
            points[right.model, left.model] += 1 - share
    rows = [
        f"<tr><td>{escape(model)}</td><td>{sum(n for (m, _), n in points.items() if m == model):g} of "
        f"{sum(n for both, n in points.items() if model in both):g}</td>"
        f'<td><meter value="{strength:.3f}"></meter> {strength:.0%}</td></tr>'
        for model, strength in strengths(points)
    ]
    voters = len({vote["voter"] for _, vote in votes})
    table = (
        "<table><tr><th>model</th><th>won</th><th>would win against an average one</th></tr>"
        f"{''.join(rows)}</table>"
    )
    note = f"{len(votes)} votes by {voters} voters, renewed every {EVERY} seconds"
    return "Ranking", note, table if rows else '<p class="none">No votes yet.</p>'


def strengths(points: Mapping[tuple[str, str], float]) -> list[tuple[str, float]]:
    """Return each model's chance to win against an average one, best first (Bradley and Terry, by Zermelo).

    A tie between every two models is added, so that no chance is 0 or 1.
    """
    models = sorted({model for pair in points for model in pair})
    power = dict.fromkeys(models, 1.0)
    for _ in range(_ROUNDS if models else 0):
        for one in models:
            others = [other for other in models if other != one]
            won = sum(points.get((one, other), 0) + 0.5 for other in others)
            met = sum(
                (points.get((one, other), 0) + points.get((other, one), 0) + 1) / (power[one] + power[other])
                for other in others
            )
            power[one] = won / met
        middle = math.exp(sum(map(math.log, power.values())) / len(power))
        power = {model: value / middle for model, value in power.items()}
    return sorted(((model, value / (1 + value)) for model, value in power.items()), key=lambda each: -each[1])


def _page(title: str, note: str, main: str, *, refresh: bool = False) -> HttpResponse:
    page = page_file("class.html").format(
        title="Class vote",
        heading=title,
        style=_STYLE,
        notes=f"<p>{note}</p>",
        main=main,
        foot=f"<script>{_SCRIPT}</script>",
    )
    headers = {**HEADERS, "refresh": str(EVERY)} if refresh else dict(HEADERS)
    return HttpResponse(200, page.encode("utf-8", "replace"), headers)
