"""A beginner's mistakes in a real kernel, and what is shown of each: one line of theirs, and what to do."""

from __future__ import annotations

import re

from skytells_nb._tracebacks import ASYNCIO_RUN_HINT, AWAIT_HINT, MOST_LINES

from .harness import Cell, Kernel

SETUP = """
import asyncio
import pandas as pd
import skytells_nb as sky

sandbox = sky.Sandbox(seconds=0).start()
client = sandbox.client()
fast = client.as_async()
fox = client.predictions.create("truefusion-edge", {"prompt": "a fox"})
"""

REFUSED = """
>>> client.predictions.create("truefusion", prompt="a fox")
InvalidInputError: create() takes no 'prompt'. Write client.predictions.create('truefusion', {'prompt': 'a
fox'}).

>>> client.predictions.create("truefusion", "a fox")
InvalidInputError: Input must be a dict, not str: such as {"prompt": "a fox"}. Nothing was sent.

>>> client.predictions.create("truefusion-prro", {"prompt": "a fox"})
NotFoundError: There is no model 'truefusion-prro'. Did you mean 'truefusion-pro'?

>>> client.predictions.create("truefusion", {"promt": "a fox"})
InvalidInputError: The API refused the input (a prediction of 'truefusion'): prompt: this field is
required. client.models.get(model).input_schema says what it takes. This model has no input 'promt'. Did
you mean 'prompt'?

>>> client.predictions.create("truefusion-edge", {"prompt": "a fox", "width": 99999})
InvalidInputError: The API refused the input (a prediction of 'truefusion-edge'): width: 99999 is greater
than the maximum of 1024. client.models.get(model).input_schema says what it takes.

>>> client.predictions.create("sandbox-upscaler", {"image": "fox.png"})
InvalidInputError: image is 'fox.png', and there is no such file here, nor is it a URL. Check the name and
the folder, HERE.

>>> sky.batch("truefusion-edge", [{"prompt": "a fox", "sead": 1}], client=client)
InvalidInputError: 1 of 1 inputs cannot be used, and nothing was sent. Correct them and run the batch
again: input 0: This model has no input 'sead'. Did you mean 'seed'?

>>> sky.batch("truefusion-edge", pd.DataFrame({"Unnamed: 0": [0], "prompt": ["a fox"]}), client=client)
InvalidInputError: 1 of 1 inputs cannot be used, and nothing was sent. Correct them and run the batch
again: input 0: This model has no input 'Unnamed: 0'. It is the index of a CSV file: read that with
index_col=0.

>>> sky.compare("truefusion-egde", "a fox", client=client)
NotFoundError: There is no model 'truefusion-egde'. Did you mean 'truefusion-edge'?

>>> sky.estimate("veo-3.1-fast", {"prompt": "waves", "duration_seconds": 10}, client=client)
InvalidInputError: veo-3.1-fast does not take this. duration_seconds: One of 4, 6, 8, not 10.

>>> with sky.budget(0.01):
...     client.predictions.create("truefusion-pro", {"prompt": "a fox"})
BudgetExceededError: A create of 'truefusion-pro' would cost 0.05 credits (1 prediction × 0.05 credits),
and the budget of 0.01 credits has 0.01 credits left: 0 credits is spent, 0 credits reserved. Nothing was
sent: raise the budget, or ask for less.

>>> sky.Client()
AuthenticationError: No API key: set SKYTELLS_API_KEY or pass api_key=…. Without a key,
skytells_nb.connect() works on the sandbox.

>>> client.predictions.get("no-such-id")
NotFoundError: Not found (prediction 'no-such-id'): There is no prediction with id 'no-such-id'.
client.models.list() and client.predictions.list() show what there is.

>>> form = sky.PromptForm("truefusion-edge", client=client)
... form.value = {"prompt": "a fox", "widht": 512}
... form.submit()
InvalidInputError: This model has no input 'widht'. Did you mean 'width'? Nothing was sent. Set
form.value, or fill the form in.

>>> sky.options.archve = "here"
UnknownNameError: There is no option 'archve'. Did you mean 'archive'?

>>> sky.spend(sky.predictions_frame(client), by="modle")
InvalidInputError: This frame has no column 'modle'. Did you mean 'model'? Its columns are id, model,
model_type, status, created_at, started_at, completed_at, queue_s, predict_s, total_s, cost, currency,
n_outputs, output, error, prompt, source, origin, input.prompt.

>>> form = sky.PromptForm("truefusion", client=client); form.value = "a fox"
InvalidInputError: A form's value must be a dict, such as {"prompt": "a fox"}, not 'a fox'.

>>> form.values = {"prompt": "a fox"}
UnknownNameError: A form has no 'values'. Did you mean 'value'?

>>> sky.galery([fox])
UnknownNameError: module 'skytells_nb' has no attribute 'galery'. Did you mean 'gallery'?

>>> client.predictions.list(model="truefusion-prro")
NotFoundError: There is no model 'truefusion-prro'. Did you mean 'truefusion-pro'?

>>> sky.show("a fox")
InvalidInputError: 'a fox' is neither a file nor a URL. Use print() for text.

>>> sky.gallery(later := fast.predictions.list())
InvalidInputError: A coroutine cannot be shown. It needs `await` before it.
"""

GO_ON = {
    'client.predictions.create("truefusion-edge", {"prompt": "a fox", "widht": 512}).status': (
        "'succeeded'",
        "SkytellsWarning: This model has no input 'widht'. Did you mean 'width'? It is sent as it is.",
    ),
    '(await client.predictions.create("truefusion-edge", {"prompt": "a fox"})).status': (
        "'succeeded'",
        "SkytellsWarning: This Prediction was here already: a blocking client's calls need no `await`.",
    ),
    '(await sky.batch("truefusion-edge", ["a fox"], client=client, progress=False))[0].status': (
        "'succeeded'",
        "SkytellsWarning: This BatchResult was here already: a blocking client's calls need no `await`.",
    ),
    'forgotten = fast.predictions.create("truefusion-edge", {"prompt": "a fox"})\nforgotten': (
        "This call of create() has not begun: it needs `await` before it.",
        "",
    ),
}

HINTED = {
    "forgotten.status": AWAIT_HINT,
    "async def main(): ...\nasyncio.run(coro := main())": ASYNCIO_RUN_HINT,
    "asyncio.get_event_loop().run_until_complete(coro)": ASYNCIO_RUN_HINT,
    "client.prediction.list()": "Did you mean 'predictions'?",
}


def shown(cell: Cell) -> list[str]:
    assert cell.error is not None, f"{cell.code} went through: {cell.result}"
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(cell.error["traceback"])).split("\n")


def test_each_mistake_is_answered_by_what_was_meant(kernel: Kernel):
    assert kernel.run(SETUP).ok
    mistakes = REFUSED.strip().split("\n\n")
    assert len(mistakes) >= 15
    for mistake in mistakes:
        code = "\n".join(line[4:] for line in mistake.split("\n") if line.startswith((">>> ", "... ")))
        said = " ".join(line for line in mistake.split("\n") if not line.startswith((">>> ", "... ")))
        lines = shown(kernel.run(code))
        assert len(lines) <= MOST_LINES
        assert "----> " in "\n".join(lines), "the line of the cell is shown"
        assert not [line for line in lines if "skytells_nb/" in line], "and none of ours"
        message = " ".join(" ".join(lines[lines.index("", 1) + 1 :]).split())
        assert message.replace(str(kernel.work), "HERE") == said, code
    assert kernel.run("sandbox.billed").result == "1", "none of these was sent"


def test_what_need_not_stop_goes_on_with_a_word(kernel: Kernel):
    assert kernel.run(SETUP).ok
    for code, (result, told) in GO_ON.items():
        cell = kernel.run(code)
        assert cell.ok is (result is not None)
        assert cell.result == result
        assert re.sub(r"sandbox-\w+", "ID", cell.stderr).strip() == told, code
    for code, hint in HINTED.items():
        lines = shown(kernel.run(code))
        assert "\n".join(lines).endswith(hint)
        assert len(lines) <= MOST_LINES
    kernel.run("forgotten.close(), coro.close()")
