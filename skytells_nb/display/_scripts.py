"""Scripts of widgets: how one comes to run in HTML that is set from outside, and keys that press buttons."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files


def script_html(root: str, script: str) -> str:
    """Return HTML that runs a script once in the widget around it, which the script knows as ``root``.

    A picture that cannot be loaded is how a script runs there; the view may not stand in its widget yet when
    it does. Where scripts are stripped there is none.
    """
    waiting = (
        f"const wait=(tries)=>{{const root=this.closest('{root}');"
        "if(!root){if(tries)setTimeout(()=>wait(tries-1),100);return}"
        f"if(root.skyScript)return;root.skyScript=true;{script}}};wait(50)"
    )
    return f'<img alt="" style="display:none" src="data:," onerror="{escape(waiting)}">'


def key_script(root: str, keys: Mapping[str, str], once: str) -> str:
    """Return HTML that lets keys press buttons while anything in a widget but a text box has the focus.

    JupyterLab's own shortcuts are off there. What is shown takes one press of the buttons `once`: what is
    pressed before the next one stands (the number in ``data-shown``) is lost, not given to what nobody saw.

    Parameters
    ----------
    root : str
        The widget, a CSS selector.
    keys : mapping of str to str
        The button of each key, a CSS selector.
    once : str
        The buttons that are pressed once.
    """
    listening = files(__package__).joinpath("_keys.js").read_text("utf-8")
    return script_html(root, f"const keys={json.dumps(keys)},once={json.dumps(once)};{listening}")
