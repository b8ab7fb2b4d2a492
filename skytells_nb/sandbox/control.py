"""The sandbox's own routes under ``/__sandbox__/``, for tests and benchmarks in another process.

They need the sandbox's own key. None of this exists in the real API.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from skytells_nb.sandbox import errors
from skytells_nb.sandbox.exchange import Answer, Request, as_json
from skytells_nb.sandbox.keys import read_key
from skytells_nb.sandbox.predictions import read_body

if TYPE_CHECKING:
    from skytells_nb.sandbox.core import Core


def answer(core: Core, name: str, request: Request) -> Answer:
    """Answer a request to one of the sandbox's own routes.

    Parameters
    ----------
    core : Core
        The sandbox.
    name : str
        ``log``, ``billing``, ``predictions``, ``deliveries``, ``class`` or ``faults``.
    request : Request
        GET reads; for ``faults``, POST orders one and DELETE takes all of them back, or with ``?name=`` those
        of one kind.
    """
    require_owner(core, request)
    handler = _ROUTES.get((request.method, name))
    if handler is None:
        raise errors.endpoint_not_found(request.method, request.target)
    return as_json(handler(core, request))


def require_owner(core: Core, request: Request) -> None:
    """Refuse a request that does not carry the sandbox's own key, which in a class is the teacher's."""
    key = read_key(request.headers) or ""
    if not hmac.compare_digest(key.encode("utf-8", "surrogatepass"), core.state.api_key.encode()):
        raise errors.unauthorized()


def _log(core: Core, _: Request) -> Any:
    return {"requests": [each._asdict() for each in core.received]}


def _billing(core: Core, request: Request) -> Any:
    billed = core.billed
    amounts = {id: str(amount) for id, amount in billed.items()}
    bill = {
        "count": len(billed),
        "amount": str(sum(billed.values())),
        "currency": "USD",
        "predictions": amounts,
    }
    return bill | ({"learners": _class(core, request)["learners"]} if core.has_class else {})


def _predictions(core: Core, _: Request) -> Any:
    shown = core.snapshot()
    if core.has_class:
        for each in shown:
            each["learner"] = core.state.jobs[str(each["id"])].account or None
    return shown


def _deliveries(core: Core, _: Request) -> Any:
    return {"deliveries": [each._asdict() for each in core.deliveries]}


def _class(core: Core, _: Request) -> Any:
    """Tell for each learner what was made, billed and is left; never a key."""
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


def _faults(core: Core, _: Request) -> Any:
    return {"waiting": core.faults.waiting}


def _order(core: Core, request: Request) -> Any:
    """Order a fault: the keywords of `Faults.next`, and ``"always": true`` for `Faults.always`."""
    told = read_body(request.body)
    always = told.pop("always", False)
    name = told.pop("name", "")
    try:
        _check_learner(core, told.get("learner"))
        if always:
            core.faults.always(name, **told)
        else:
            core.faults.next(name, **told)
    except (TypeError, ValueError) as error:
        raise errors.invalid_field(str(error)) from None
    return _faults(core, request)


def _check_learner(core: Core, name: Any) -> None:
    if name is None or name in core.accounts.learners:
        return
    there_are = f"there are {', '.join(core.accounts.learners)}" if core.has_class else "there is no class"
    raise ValueError(f"there is no learner {name!r}; {there_are}")


def _clear(core: Core, request: Request) -> Any:
    core.faults.clear(dict(parse_qsl(request.query)).get("name"))
    return _faults(core, request)


_ROUTES: dict[tuple[str, str], Callable[[Core, Request], Any]] = {
    ("GET", "log"): _log,
    ("GET", "billing"): _billing,
    ("GET", "predictions"): _predictions,
    ("GET", "deliveries"): _deliveries,
    ("GET", "class"): _class,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _order,
    ("DELETE", "faults"): _clear,
}
