"""Forms that a script answers, and the scripts of data that it loads: of the calculator and of the comparison."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence


def data_script(place: str, data: object) -> str:
    """A script that hands data to the forms of a page: forms.js, which loads it from that place of the site."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"gradproof.have({json.dumps(place)},{written});\n"


def form(name: str, fields: str, below: str) -> str:
    """A form in HTML, which the script of that name answers."""
    scripts = "".join(f'<script src="../_static/{script}.js" defer></script>' for script in ("forms", name))
    return (
        f'<form class="asked {name}"><div class="fields">{fields}</div>{below}<div class="answer" aria-live="polite">'
        f"</div><noscript>This page needs JavaScript.</noscript></form>{scripts}"
    )


def chooser(name: str, label: str, options: Sequence[str], chosen: str) -> str:
    """A labelled list to choose from, in HTML."""
    lines = "".join(
        f'<option value="{html.escape(o)}"{" selected" if o == chosen else ""}>{html.escape(o)}</option>'
        for o in options
    )
    return f'<label>{label} <select name="{name}">{lines}</select></label>'
