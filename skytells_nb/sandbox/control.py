"""The sandbox's own routes under ``/__sandbox__/``, for tests and benchmarks in another process.

They need the sandbox's own key. None of this exists in the real API.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
        ``log``, ``billing``, ``predictions``, ``deliveries`` or ``faults``.
    request : Request
        GET reads; for ``faults``, POST orders one and DELETE takes all of them back.
    """
    key = read_key(request.headers) or ""
    if not hmac.compare_digest(key.encode("utf-8", "surrogatepass"), core.state.api_key.encode()):
        raise errors.unauthorized()
    handler = _ROUTES.get((request.method, name))
    if handler is None:
        raise errors.endpoint_not_found(request.method, request.target)
    return as_json(handler(core, request))


def _log(core: Core, _: Request) -> Any:
    return {"requests": [each._asdict() for each in core.received]}


def _billing(core: Core, _: Request) -> Any:
    billed = core.billed
    amounts = {id: str(amount) for id, amount in billed.items()}
    return {
        "count": len(billed),
        "amount": str(sum(billed.values())),
        "currency": "USD",
        "predictions": amounts,
    }


def _predictions(core: Core, _: Request) -> Any:
    return core.snapshot()


def _deliveries(core: Core, _: Request) -> Any:
    return {"deliveries": [each._asdict() for each in core.deliveries]}


def _faults(core: Core, _: Request) -> Any:
    return {"waiting": core.faults.waiting}


def _order(core: Core, request: Request) -> Any:
    """Order a fault: the keywords of `Faults.next`, and ``"always": true`` for `Faults.always`."""
    told = read_body(request.body)
    always = told.pop("always", False)
    name = told.pop("name", "")
    try:
        if always:
            core.faults.always(name, **told)
        else:
            core.faults.next(name, **told)
    except (TypeError, ValueError) as error:
        raise errors.invalid_field(str(error)) from None
    return _faults(core, request)


def _clear(core: Core, request: Request) -> Any:
    core.faults.clear()
    return _faults(core, request)


_ROUTES: dict[tuple[str, str], Callable[[Core, Request], Any]] = {
    ("GET", "log"): _log,
    ("GET", "billing"): _billing,
    ("GET", "predictions"): _predictions,
    ("GET", "deliveries"): _deliveries,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _order,
    ("DELETE", "faults"): _clear,
}
