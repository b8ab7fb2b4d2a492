"""What the real API does not have: routes for another process, a front page, and the pages of a class.

Routes under ``/__sandbox__/`` need the sandbox's own key, as ``GET /class`` does. The other paths of a class
hold a word that nobody can guess. Its gallery of everybody's latest pictures is off unless it is asked for;
it is plain HTML without a script, and loads nothing but its own thumbnails. They outlive the files of section
12, which are gone after five minutes, and go when their prediction is deleted.

Whatever the teacher has made of one input with several models is voted on, with the learner's key and without
a word of the models; texts too. The votes are for the teacher, who sees the ranking grow on a page of their
own, and takes them into ``sky.Arena`` by ``/__sandbox__/votes``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from itertools import combinations, islice
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from . import _errors as errors
from ._accounts import OWNER, Call, parse_key
from ._core import Core
from ._jobs import SECOND, Job
from ._messages import HttpRequest, HttpResponse, as_json, dump
from ._models import standard_catalogue
from ._predictions import parse_body
from ._state import State

#: Characters of a prompt that are shown, and that a thumbnail is described with.
CAPTION, ALT = 240, 120
#: How many thumbnails are above the fold, and loaded at once.
EAGER: Final = 6
#: Seconds between two loadings when the page's own link is followed.
RENEWED: Final = 15


def answer_control(core: Core, call: Call) -> HttpResponse:
    """Answer a request to one of the sandbox's own routes.

    GET reads ``log``, ``billing``, ``predictions``, ``deliveries``, ``class``, ``votes`` or ``faults``; POST
    to the last adds a fault, and DELETE takes all of them back, or with ``?name=`` those of one kind.
    """
    request = call.request
    require_owner(core, request)
    handler = _ROUTES.get((request.method, call.route.argument))
    if handler is None:
        raise errors.endpoint_not_found(request.method, request.target)
    return as_json(handler(core, request))


def require_owner(core: Core, request: HttpRequest) -> None:
    """Refuse a request that does not carry the sandbox's own key, which in a class is the teacher's."""
    key = parse_key(request.headers) or ""
    if not hmac.compare_digest(key.encode("utf-8", "surrogatepass"), core.state.api_key.encode()):
        raise errors.unauthorized()


def _billing(core: Core, request: HttpRequest) -> Any:
    billed = core.billed
    amounts = {id: str(amount) for id, amount in billed.items()}
    bill = {
        "count": len(billed),
        "amount": str(sum(billed.values())),
        "currency": "credits",
        "predictions": amounts,
    }
    return bill | ({"learners": _class(core, request)["learners"]} if core.has_class else {})


def _predictions(core: Core, _: HttpRequest) -> Any:
    shown = core.snapshot()
    if core.has_class:
        for each in shown:
            each["learner"] = core.state.jobs[str(each["id"])].account or None
    return shown


def _class(core: Core, _: HttpRequest) -> Any:
    """Return for each learner what was made, billed and is left; never a key."""
    state = core.state
    made = Counter(job.account for job in state.jobs.values())
    return {
        "learners": {
            each.name: {
                "predictions": made[each.name],
                "amount": str(state.spent[each.name]),
                "budget": None if each.budget is None else str(each.budget),
                "rate_limit": each.rate_limit,
            }
            for each in state.learners
        }
    }


def _faults(core: Core, _: HttpRequest) -> Any:
    return {"waiting": core.faults.waiting}


def _add_fault(core: Core, request: HttpRequest) -> Any:
    """Add a fault: the keywords of `Faults.next`, and ``"always": true`` for `Faults.always`."""
    rule = parse_body(request.body)
    add = core.faults.always if rule.pop("always", False) else core.faults.next
    name = rule.pop("name", "")
    learners, learner = [each.name for each in core.state.learners], rule.get("learner")
    try:
        if learner is not None and learner not in learners:
            there_are = f"there are {', '.join(learners)}" if learners else "there is no class"
            raise ValueError(f"there is no learner {learner!r}; {there_are}")
        add(name, **rule)
    except (TypeError, ValueError) as error:
        raise errors.invalid_field(str(error)) from None
    return _faults(core, request)


def _clear(core: Core, request: HttpRequest) -> Any:
    core.faults.clear(dict(parse_qsl(request.query)).get("name"))
    return _faults(core, request)


_ROUTES: Final[dict[tuple[str, str], Callable[[Core, HttpRequest], Any]]] = {
    ("GET", "log"): lambda core, _: {"requests": [each._asdict() for each in core.log]},
    ("GET", "billing"): _billing,
    ("GET", "predictions"): _predictions,
    ("GET", "deliveries"): lambda core, _: {"deliveries": [each._asdict() for each in core.deliveries]},
    ("GET", "class"): _class,
    ("GET", "votes"): lambda core, _: {"votes": sorted(core.state.votes.values(), key=lambda it: it["at"])},
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear,
}


ABOUT: Final = (
    "This is a local sandbox of the Skytells API, not the API itself. "
    "Nothing here is generated by a model, and nothing costs money."
)

_ANY_KEY: Final = "Any key that starts with <code>sk-</code> is accepted."


@cache
def page_file(name: str) -> str:
    return files(__package__).joinpath("pages", name).read_text("utf-8")


def home(core: Core, call: Call) -> HttpResponse:
    """Answer ``GET /``, to a browser as a page and to a program as JSON."""
    request = call.request
    if "text/html" not in request.headers.get("accept", ""):
        counts = {"models": len(standard_catalogue()), "predictions": len(core.state.jobs)}
        return as_json({"sandbox": True, "about": ABOUT, "base_url": f"{request.origin}/v1", **counts})
    page = page_file("home.html").format(
        about=ABOUT,
        origin=escape(request.origin),
        keys="It accepts the keys that it has generated." if core.accounts.closed else _ANY_KEY,
        models=len(standard_catalogue()),
        predictions=len(core.state.jobs),
        billed=len(core.state.ledger),
    )
    return HttpResponse(200, page.encode("utf-8", "replace"), {"content-type": "text/html; charset=utf-8"})


def class_page(
    title: str, heading: str, notes: str, main: str, foot: str, *, style: str = "", script: str = "",
    every: int = 0,
) -> HttpResponse:  # fmt: skip
    """Answer with a page that may show itself, its own pictures and forms, and nothing else.

    It tells nobody its address. With a `script` it may run that and send its forms; with `every` it is loaded
    anew after so many seconds.
    """
    style = page_file("class.css") + style
    page = page_file("class.html").format(
        title=title, heading=heading, style=style, notes=notes, main=main, foot=foot
    )
    forms = f"; script-src '{_hash(script)}'; form-action 'self'" if script else "; form-action 'none'"
    allowed = f"img-src 'self'; style-src '{_hash(style)}'{forms}"
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": f"default-src 'none'; {allowed}; base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex",
        **({"refresh": str(every)} if every else {}),
    }
    return HttpResponse(200, page.encode("utf-8", "replace"), headers)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


DISCLAIMER: Final = (
    "Drawn by the Skytells sandbox on the teacher’s computer: no picture here was generated by a model, and "
    "none costs money."
)


def _gallery(core: Core, now: int, every: int) -> HttpResponse:
    """Show everybody's latest pictures, in the order of the class; the teacher's come first."""
    made: dict[str, list[Job]] = {}
    for name in (OWNER, *(each.name for each in core.state.learners)):
        newest, _ = core.state.newest_first(now, name)
        shown = (job for job in islice(newest, SOUGHT) if is_shown(job, now))
        made[name or "teacher"] = list(islice(shown, SHOWN))
    full = {name: jobs for name, jobs in made.items() if jobs}
    idle = [escape(name) for name, jobs in made.items() if not jobs and name != "teacher"]
    items = "\n".join(
        _card(core, *each, now, eager=number < EAGER) for number, each in enumerate(full.items())
    )
    nothing_yet = f"<p>Nothing yet from {', '.join(idle)}.</p>" if idle and full else ""
    path = escape(f"/class/{core.state.gallery}")
    renewal = f'<a href="{path}">Renew</a> or <a href="{path}?every={RENEWED}">every {RENEWED} seconds</a>'
    if every:
        renewal = f'Renewed every {every} seconds. <a href="{path}">Hold still</a>'
    return class_page(
        "Class pictures",
        "Class pictures",
        f"<p>{len(full)} of {len(full) + len(idle)} have made a picture</p><p>{renewal}</p>",
        f'<ul class="gallery">\n{items}\n</ul>' if full else '<p class="none">No pictures yet.</p>',
        f"<footer>{nothing_yet}<p>{DISCLAIMER}</p></footer>",
        every=every,
    )


def _card(core: Core, name: str, jobs: list[Job], now: int, *, eager: bool) -> str:
    latest, *earlier = jobs

    def image(job: Job, *, eager: bool) -> str:
        alt = f"Picture by {name}: {_short(str(job.input.get('prompt', '')), ALT) or 'no prompt'}"
        return _image(core, job, alt, EDGE, "" if eager else ' loading="lazy"')

    more = "".join(f"<li>{image(each, eager=False)}</li>" for each in earlier)
    strip = f'<ul class="earlier" aria-label="Earlier pictures by {escape(name)}">{more}</ul>' if more else ""
    prompt, minutes = str(latest.input.get("prompt", "")), (now - latest.ends) // SECOND // 60
    age = f"{minutes // 60} h ago" if minutes >= 60 else f"{minutes} min ago" if minutes > 0 else "just now"
    return (
        f'<li class="card"><figure>{image(latest, eager=eager)}'
        f"<figcaption><h2>{escape(name)} <time>{age}</time></h2>"
        f'<p class="prompt">{escape(_short(prompt, CAPTION))}</p></figcaption></figure>{strip}</li>'
    )


def _image(core: Core, job: Job, alt: str, edge: int, more: str = "", below: str = "") -> str:
    path = f"/class/{core.state.gallery}{below}/{quote(job.id, safe='')}/{quote(job.files[0][0], safe='')}"
    sizes = f'width="{edge}" height="{edge}"{more} decoding="async"'
    return f'<img src="{escape(path)}" alt="{escape(alt)}" {sizes}>'


def _short(text: str, size: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= size else text[: size - 1].rstrip() + "…"


#: Pixels of a thumbnail's longer side.
EDGE: Final = 384
#: How many pictures of each learner are shown, and among how many of the latest predictions they are sought.
SHOWN, SOUGHT = 4, 60
#: Seconds between two loadings of a page that was asked to renew itself.
SOONEST, LATEST = 5, 3600


def answer_gallery(core: Core, call: Call) -> HttpResponse:
    """Answer with the page, or with one of its thumbnails."""
    route, request, now = call.route, call.request, call.now
    if not (core.options.gallery and core.has_class):
        raise errors.endpoint_not_found(request.method, request.target)
    if not route.argument:
        require_owner(core, request)
    elif not hmac.compare_digest(route.argument.encode(), core.state.gallery.encode()):
        raise errors.endpoint_not_found(request.method, request.target)
    if route.rest:
        return thumbnail(core, route.rest, now)
    text = dict(parse_qsl(request.query)).get("every", "")
    every = min(max(int(text), SOONEST), LATEST) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return _gallery(core, now, every)


def is_shown(job: Job, now: int) -> bool:
    return job.kind == "image" and bool(job.files) and job.phase(now) == "succeeded"


def thumbnail(core: Core, rest: str, now: int, *, edge: int = EDGE, whose: str | None = None) -> HttpResponse:
    """Answer with a picture, made small: of anybody, or of one account."""
    id, _, name = rest.partition("/")
    job = core.state.jobs.get(id)
    if job is None or whose not in (None, job.account) or not is_shown(job, now) or job.files[0][0] != name:
        raise errors.file_gone(name)
    headers = {"content-type": "image/jpeg", "cache-control": "private, max-age=86400"}
    return HttpResponse(asset=core.predictions.file(job, 0, edge=edge), headers=headers)


CHOICES: Final = {"left": "← Left", "both": "↑ Both good", "neither": "↓ Neither", "right": "Right →"}
#: Seconds between two loadings of the teacher's page.
VOTE_EVERY: Final = 5
#: Pixels of a picture's longer side.
VOTE_EDGE: Final = 768
_ROUNDS: Final = 200


def teachers_word(state: State) -> str:
    """Return the word in the path of the teacher's page, which only the teacher's key leads to."""
    return hmac.new(state.api_key.encode(), b"ranking", "sha256").hexdigest()[:32]


def answer_vote(core: Core, call: Call) -> HttpResponse:
    """Answer with a pair to vote on, with one of its pictures, or with the ranking."""
    route, request, now = call.route, call.request, call.now
    word = route.argument.encode()
    if core.has_class and hmac.compare_digest(word, teachers_word(core.state).encode()) and not route.rest:
        return _vote_page(*_ranking(core, now), every=VOTE_EVERY)
    if not core.has_class or not hmac.compare_digest(word, core.state.gallery.encode()):
        raise errors.endpoint_not_found(request.method, request.target)
    if route.rest:
        return thumbnail(core, route.rest, now, edge=VOTE_EDGE, whose=OWNER)
    if request.method != "POST":
        return _vote_page("Class vote", "", _key_form("Your key"))
    sent = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        voter = core.accounts.admit(sent.get("key", "").strip(), "vote").name or "teacher"
    except errors.Refusal:
        return _vote_page("Class vote", "", _key_form("That key is of nobody in this class. Your key"))
    pairs = pairs_of(core, now)
    _count(core, voter, sent, pairs, now)
    return _vote_page(*_next(core, voter, sent["key"].strip(), pairs))


Pairs = dict[str, tuple[Job, Job]]


def pairs_of(core: Core, now: int) -> Pairs:
    """Return every two of the teacher's predictions that different models made of one input, by `_key`."""
    seen: Counter[bytes] = Counter()
    made: dict[bytes, list[Job]] = {}
    for job in (*core.state.jobs.values(), *core.state.answers.values()):
        text = job.text is not None and job.phase(now) == "succeeded"
        if job.account == OWNER and (text or is_shown(job, now)):
            asked = dump(sorted(job.input.items()))
            seen[job.model.encode() + asked] += 1  # a second take of an input is another task
            made.setdefault(asked + b"%d" % seen[job.model.encode() + asked], []).append(job)
    return {
        _key(one.id, other.id): (one, other)
        for jobs in made.values()
        for one, other in combinations(jobs, 2)
        if (one.text is None) is (other.text is None)
    }


def _key(*ids: str) -> str:
    """Return what tells a pair from others, whichever side is which."""
    return " ".join(sorted(ids))


def _count(core: Core, voter: str, sent: dict[str, str], pairs: Pairs, now: int) -> None:
    """Keep a vote on a pair that there is; a second one takes the place of the first."""
    left, right, choice = sent.get("left", ""), sent.get("right", ""), sent.get("vote", "")
    key = _key(left, right)
    if choice in CHOICES and key in pairs:
        vote: dict[str, str | float] = {"voter": voter, "vote": choice, "left": left, "right": right}
        core.state.vote(f"{key} {voter}", {**vote, "at": now / SECOND})


def _pair_of(name: str) -> str:
    """Return the key of the pair that a vote's name begins with: two ids, then the voter."""
    return " ".join(name.split(" ", 2)[:2])


def _next(core: Core, voter: str, key: str, pairs: Pairs) -> tuple[str, str, str]:
    """Show the learner a pair they have not seen, of those that fewest have voted on; sides by chance."""
    voted = core.state.votes
    left = [each for each in pairs if f"{each} {voter}" not in voted]
    note = f"{len(pairs) - len(left)} of {len(pairs)} pairs voted on by {escape(voter)}"
    if not pairs:
        return "Class vote", escape(voter), _wait(key, "Nothing to vote on yet.")
    if not left:
        return "That was every pair", note, _wait(key, "Thank you.")
    times = Counter(map(_pair_of, voted))
    dice = {each: core.state.digest("vote", voter, each) for each in left}
    chosen = min(left, key=lambda each: (times[each], dice[each]))
    one, other = pairs[chosen] if dice[chosen][0] & 1 else pairs[chosen][::-1]
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
    return _image(core, job, name, VOTE_EDGE, below="/vote")


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
    pairs = pairs_of(core, now)
    votes = [(pairs.get(_pair_of(name)), vote) for name, vote in core.state.votes.items()]
    for pair, vote in votes:
        if pair is not None:  # one of the two may have been deleted since, and with it whose it was
            left, right = pair if pair[0].id == vote["left"] else pair[::-1]
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
    note = f"{len(votes)} votes by {voters} voters, renewed every {VOTE_EVERY} seconds"
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


def _vote_page(heading: str, note: str, main: str, *, every: int = 0) -> HttpResponse:
    # Keys press buttons, once a page: a second press would be a vote on what nobody has seen.
    style, script = page_file("vote.css"), page_file("vote.js")
    foot = f"<script>{script}</script>"
    notes = f"<p>{note}</p>"
    return class_page("Class vote", heading, notes, main, foot, style=style, script=script, every=every)


#: Who answers the routes that the real API does not have.
OWN_ROUTES: Final[Mapping[str, Callable[[Core, Call], HttpResponse]]] = {
    "control": answer_control,
    "gallery": answer_gallery,
    "home": home,
    "vote": answer_vote,
}
