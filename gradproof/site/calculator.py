"""The calculator: its page, and the tables of truth that it reads, a script each formula, of which it loads one."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

import numpy as np

from gradproof.evidence import exact
from gradproof.site.forms import chooser, data_script, form
from gradproof.site.markup import page_link, raw
from reference import CATALOGUE


def formulas() -> list[str]:
    """The formulas that the calculator knows: those of one number."""
    return [f.id for f in CATALOGUE.values() if f.elementwise]


def scripts(tables: Mapping[tuple[str, str], exact.Exact]) -> dict[str, str]:
    """The script of each formula by its id: it hands both dtypes to the page.

    Of a dtype: differences of the bits of value and slope, deflated, in base 64; and the slopes at kinks by the bits
    of the input. A file that opens without a server may load a script, and nothing else.
    """
    found: dict[str, dict[str, object]] = {}
    for (id, dtype), table in tables.items():
        both = np.concatenate([exact.steps(table.value), exact.steps(table.slope)]).astype("<u2")
        packed = base64.b64encode(zlib.compress(both.tobytes(), 9)).decode()
        found.setdefault(id, {})[dtype] = {"packed": packed, "kinks": table.kinks}
    return {id: data_script(f"truth/{id}", one) for id, one in found.items()}


def link(id: str) -> str:
    """A link from the page of a formula to the calculator, which then has that formula."""
    return f'<a href="../../calculator/index.html#formula={id}">Its exact value and slope at any float of 16 bits.</a>'


def page() -> str:
    """The page of the calculator; calculator.js fills it."""
    about = (
        "Exact value and slope of a formula of one number, at its default parameters, at any of the 65,536 floats of "
        "float16 or bfloat16. The numbers are shipped with this page: the definition over balls, at every input, the "
        "precision doubled until the ball rounds to one float ([trust](/guides/trust/index.md)). They are nobody's "
        f"answer but the truth's; who returns what is on the page of the formula and in {page_link('kinks', 'kinks')}."
    )
    fields = (
        chooser("formula", "formula", formulas(), formulas()[0])
        + chooser("dtype", "dtype", exact.DTYPES, exact.DTYPES[0])
        + '<label>x <input name="x" value="1.5" autocomplete="off" autocapitalize="off" spellcheck="false"'
        ' aria-describedby="calculator-how"></label>'
        '<button type="button" name="down">float below</button>'
        '<button type="button" name="up">float above</button>'
    )
    how = (
        "A decimal (<code>-0.1</code>, <code>6e-8</code>), Python’s hex (<code>0x1.8p+0</code>), the four hex digits "
        "of the bits (<code>0x3e00</code>), <code>inf</code> or <code>-inf</code>. The address of this page keeps "
        "what you asked."
    )
    return f"# Calculator\n\n{about}\n\n{raw(form('calculator', fields, f'<p id=calculator-how>{how}</p>'))}\n"
