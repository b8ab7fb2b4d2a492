"""A Jupyter toolkit for the Skytells generative-AI API: ``import skytells_nb as sky``.

    client = sky.connect()                      the real API with a key, else an offline sandbox
    fox = client.predictions.create("truefusion", {"prompt": "a red fox in snow"})
    fox                                         shows its picture; fox.save("fox.png"), fox.load(), fox.cost

Ask      connect, Client, AsyncClient           client.predictions, client.models
         client.chat, .responses, .embeddings   ChatCompletion, Response, Embeddings of text models;
                                                TextStream, AsyncTextStream as they are written
         Sandbox                                an API on this computer: no key, no network, no money
         Prediction, PredictionList, Model, ModelList
Look     show, gallery, compare                 pictures, clips, songs and texts, in a cell
         Arena                                  blind pairs to vote on, and which model is worth it
         PromptForm, Playground                 forms made from a model's own inputs; %load_ext skytells_nb
         Chat                                   a conversation with a text model
         load, save, read_provenance, Archive   what was made, kept with its prompt and its cost
         again, rate                            the same once more, with changes; stars, tags, a note
Many     batch, abatch, batches                 many inputs, journalled: nothing is paid for twice
         grid                                   every combination of inputs, for batch, compare, estimate
         gather, run                            coroutines in a cell, a script, a thread
         enable_nested_asyncio                  asyncio.run(main()) in a cell
         enable_course_imports                  `import skytells`, as the course writes it
Money    estimate, budget                       a price beforehand, and a limit that holds
         predictions_frame, pricing_frame       DataFrames, for spend, total, forecast, plot_spend
         read_frame, write_frame                .parquet, .csv, .xlsx
Else     options                                what is shown, kept and checked
         webhooks                               verify, parse, Receiver
         exceptions                             every error is a SkytellsError, and says what to do

``sky.batch?`` in a notebook, or ``help(sky.batch)``, tells all about one. Each is loaded when first used.
"""

import sys

__version__ = "0.1.0"

# Where each public name lives: the one table. Editors and type checkers read __init__.pyi, which
# `python tests/test_facade.py` writes from it.
_HOMES = {
    "_connect": ["Sandbox", "connect"],
    "_options": ["options"],
    "aio": ["enable_course_imports", "enable_nested_asyncio", "gather", "run"],
    "archive": ["Archive", "again", "load", "read_provenance", "save"],
    "api": ["AsyncClient", "AsyncTextStream", "Client", "TextStream"],
    "comparison": ["compare"],
    "display": ["gallery", "show"],
    "exceptions": [
        *["AuthenticationError", "BudgetExceeded", "BudgetExceededError", "ContentPolicyError"],
        *["InsufficientCreditsError", "InvalidInputError", "NetworkError", "NotFoundError"],
        *["OutputExpiredError", "PermissionDeniedError", "PredictionError", "RateLimitError", "ServerError"],
        *["SkytellsError", "SkytellsWarning", "StreamInterruptedError", "UncertainCreateError"],
        *["WaitTimeoutError", "WebhookSignatureError"],
    ],
    "forms": ["Chat", "Playground", "PromptForm"],
    "frames": [
        *["forecast", "grid", "plot_spend", "predictions_frame", "pricing_frame", "read_frame", "spend"],
        *["total", "write_frame"],
    ],
    "jobs": ["abatch", "batch", "batches"],
    "models": [
        *["ChatCompletion", "Embeddings", "Model", "ModelList", "Prediction", "PredictionList", "Response"],
    ],
    "rating": ["Arena", "rate"],
    "spending": ["budget", "estimate"],
}
_MODULES = ["exceptions", "webhooks"]
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*sorted([*_HOME_OF, *_MODULES], key=str.lower), "__version__"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return import_module("." + name, __name__)
    known = name in _HOME_OF
    found = getattr(import_module("." + _HOME_OF[name], __name__), name) if known else _unknown(name)
    if "IPython" in sys.modules and name[0] != "_":
        import_module("._tracebacks", __name__).install()
        import_module("._completion", __name__).install()
    if not known:
        raise found
    globals()[name] = found
    return found


def _unknown(name: str) -> AttributeError:
    import os
    from importlib import import_module

    said = f"module {__name__!r} has no attribute {name!r}."
    place = os.path.join(os.path.dirname(__file__), name)
    if name[0] == "_" or os.path.exists(place) or os.path.exists(f"{place}.py"):
        return AttributeError(said)  # an inner module: Python asks for it here, before it is imported
    checks = import_module(".checks", __name__)
    error: AttributeError = checks.UnknownNameError(f"{said}{checks.did_you_mean(name, __all__)}")
    return error


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__", "__path__"]  # what Tab offers: no inner module


def load_ipython_extension(ipython: object) -> None:
    """Let ``%load_ext skytells_nb`` bring the magics."""
    from importlib import import_module

    import_module("._magics", __name__).load_ipython_extension(ipython)
