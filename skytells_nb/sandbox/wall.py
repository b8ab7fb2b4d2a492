"""The class's page: everybody's latest pictures, for who knows its address. Off unless it is asked for.

Its path holds a word that nobody can guess; ``GET /class`` alone needs the teacher's key. The page needs no
script, and loads nothing but its own thumbnails. They outlive the files of section 12, which are gone after
five minutes, and go when their prediction is deleted.
"""

from __future__ import annotations

import hmac
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from skytells_nb.sandbox import control, errors, wall_page
from skytells_nb.sandbox.accounts import OWNER
from skytells_nb.sandbox.exchange import Answer, Request
from skytells_nb.sandbox.job import SECOND, Job
from skytells_nb.sandbox.routes import Route
from skytells_nb.sandbox.wall_page import Card, Picture

if TYPE_CHECKING:
    from skytells_nb.sandbox.core import Core

#: Pixels of a thumbnail's longer side.
EDGE = 384
#: How many pictures of each learner are shown, and among how many of the latest predictions they are sought.
SHOWN, SOUGHT = 4, 60
#: Seconds between two loadings of a page that was asked to renew itself.
SOONEST, LATEST = 5, 3600


def answer(core: Core, route: Route, request: Request, now: int) -> Answer:
    """Answer with the page, or with one of its thumbnails.

    Raises
    ------
    Refusal
        404 when the page is off or the word is wrong, 401 without the word and without the teacher's key.
    """
    if not (core.options.wall and core.has_class):
        raise errors.endpoint_not_found(request.method, request.target)
    if not route.argument:
        control.require_owner(core, request)
    elif not hmac.compare_digest(route.argument.encode(), core.state.wall.encode()):
        raise errors.endpoint_not_found(request.method, request.target)
    if route.rest:
        return _thumbnail(core, route.rest, now)
    every = _every(request.query)
    page = wall_page.write(cards(core, now), path=f"/class/{core.state.wall}", every=every)
    headers = dict(wall_page.HEADERS)
    if every:
        headers["refresh"] = str(every)
    return Answer(200, page.encode("utf-8", "replace"), headers)


def cards(core: Core, now: int) -> list[Card]:
    """Collect every learner's latest pictures, in the order of the class; the teacher's come first."""
    names = [OWNER, *core.accounts.learners]
    made = [Card(name or "teacher", _latest(core, name, now)) for name in names]
    return [card for card in made if card.pictures or card.name != "teacher"]


def _latest(core: Core, name: str, now: int) -> list[Picture]:
    jobs, _ = core.state.newest_first(now, name)
    found = (
        Picture(_path(core, job), str(job.input.get("prompt", "")), (now - job.ends) / SECOND)
        for job in islice(jobs, SOUGHT)
        if _is_shown(job, now)
    )
    return list(islice(found, SHOWN))


def _path(core: Core, job: Job) -> str:
    return f"/class/{core.state.wall}/{quote(job.id, safe='')}/{quote(job.files[0][0], safe='')}"


def _is_shown(job: Job, now: int) -> bool:
    return job.kind == "image" and bool(job.files) and job.phase(now) == "succeeded"


def _thumbnail(core: Core, rest: str, now: int) -> Answer:
    id, _, name = rest.partition("/")
    job = core.state.jobs.get(id)
    if job is None or not _is_shown(job, now) or job.files[0][0] != name:
        raise errors.file_gone(name)
    headers = {"content-type": "image/jpeg", "cache-control": "private, max-age=86400"}
    return Answer(asset=core.predictions.file(job, 0, edge=EDGE), headers=headers)


def _every(query: str) -> int:
    """Read how often the page shall renew itself; 0: never."""
    text = dict(parse_qsl(query)).get("every", "")
    return min(max(int(text), SOONEST), LATEST) if text.isascii() and text.isdigit() and len(text) < 6 else 0
