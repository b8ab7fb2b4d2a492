"""A Jupyter toolkit for the Skytells generative-AI API.

``import skytells_nb as sky`` costs next to nothing: every name below is loaded when it is first used.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import exceptions as exceptions
    from . import webhooks as webhooks
    from ._connect import Sandbox as Sandbox
    from ._connect import connect as connect
    from ._options import options as options
    from .aio import enable_nested_asyncio as enable_nested_asyncio
    from .aio import gather as gather
    from .aio import run as run
    from .archive import Archive as Archive
    from .archive import load as load
    from .archive import read_provenance as read_provenance
    from .archive import save as save
    from .client import AsyncClient as AsyncClient
    from .client import Client as Client
    from .comparison import compare as compare
    from .display import gallery as gallery
    from .display import show as show
    from .exceptions import AuthenticationError as AuthenticationError
    from .exceptions import BudgetExceeded as BudgetExceeded
    from .exceptions import ContentPolicyError as ContentPolicyError
    from .exceptions import InsufficientCreditsError as InsufficientCreditsError
    from .exceptions import InvalidInputError as InvalidInputError
    from .exceptions import NetworkError as NetworkError
    from .exceptions import NotFoundError as NotFoundError
    from .exceptions import OutputExpiredError as OutputExpiredError
    from .exceptions import PermissionDeniedError as PermissionDeniedError
    from .exceptions import PredictionError as PredictionError
    from .exceptions import RateLimitError as RateLimitError
    from .exceptions import ServerError as ServerError
    from .exceptions import SkytellsError as SkytellsError
    from .exceptions import SkytellsWarning as SkytellsWarning
    from .exceptions import UncertainCreateError as UncertainCreateError
    from .exceptions import WaitTimeoutError as WaitTimeoutError
    from .exceptions import WebhookSignatureError as WebhookSignatureError
    from .forms import Playground as Playground
    from .forms import PromptForm as PromptForm
    from .frames import forecast as forecast
    from .frames import plot_spend as plot_spend
    from .frames import predictions_frame as predictions_frame
    from .frames import pricing_frame as pricing_frame
    from .frames import read_frame as read_frame
    from .frames import spend as spend
    from .frames import total as total
    from .frames import write_frame as write_frame
    from .jobs import abatch as abatch
    from .jobs import batch as batch
    from .jobs import batches as batches
    from .models import Model as Model
    from .models import ModelList as ModelList
    from .models import Prediction as Prediction
    from .models import PredictionList as PredictionList
    from .spending import budget as budget
    from .spending import estimate as estimate

__version__ = "0.1.0"

_HOMES = {
    "abatch": "jobs",
    "Archive": "archive",
    "AsyncClient": "client",
    "AuthenticationError": "exceptions",
    "batch": "jobs",
    "batches": "jobs",
    "budget": "spending",
    "BudgetExceeded": "exceptions",
    "Client": "client",
    "compare": "comparison",
    "connect": "_connect",
    "ContentPolicyError": "exceptions",
    "enable_nested_asyncio": "aio",
    "estimate": "spending",
    "forecast": "frames",
    "gallery": "display",
    "gather": "aio",
    "InsufficientCreditsError": "exceptions",
    "InvalidInputError": "exceptions",
    "load": "archive",
    "Model": "models",
    "ModelList": "models",
    "NetworkError": "exceptions",
    "NotFoundError": "exceptions",
    "options": "_options",
    "OutputExpiredError": "exceptions",
    "PermissionDeniedError": "exceptions",
    "Playground": "forms",
    "plot_spend": "frames",
    "Prediction": "models",
    "PredictionError": "exceptions",
    "PredictionList": "models",
    "predictions_frame": "frames",
    "pricing_frame": "frames",
    "PromptForm": "forms",
    "RateLimitError": "exceptions",
    "read_frame": "frames",
    "read_provenance": "archive",
    "run": "aio",
    "Sandbox": "_connect",
    "save": "archive",
    "ServerError": "exceptions",
    "show": "display",
    "SkytellsError": "exceptions",
    "SkytellsWarning": "exceptions",
    "spend": "frames",
    "total": "frames",
    "UncertainCreateError": "exceptions",
    "WaitTimeoutError": "exceptions",
    "WebhookSignatureError": "exceptions",
    "write_frame": "frames",
}
_ROOMS = frozenset({"exceptions", "webhooks"})

__all__ = [*sorted([*_HOMES, *_ROOMS], key=str.lower), "__version__"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _ROOMS:
        return import_module("." + name, __name__)
    if name in _HOMES:
        found = getattr(import_module("." + _HOMES[name], __name__), name)
        globals()[name] = found
        if "IPython" in sys.modules:
            import_module("._tracebacks", __name__).install()
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: object) -> None:
    """Let ``%load_ext skytells_nb`` bring the magics."""
    from importlib import import_module

    import_module("._magics", __name__).load_ipython_extension(ipython)
