"""The libraries that draw charts and sort tables in the browser, as text to put into the page."""

import re
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Widgets:
    """JavaScript and styles: Vega-Lite (from vl-convert) and DataTables (from itables).

    `vega` is a script that sets `vegaEmbed`, `tables` an ECMAScript module that exports DataTable.
    """

    vega: str
    tables: str
    tables_style: str


def widgets() -> Widgets:
    """Return the libraries of the installed packages; nothing is fetched."""
    import vl_convert

    bundle = files("itables") / "html"
    return Widgets(
        in_script(vl_convert.javascript_bundle()),
        in_script((bundle / "dt_bundle.js").read_text(encoding="utf-8")),
        (bundle / "dt_bundle.css").read_text(encoding="utf-8"),
    )


def in_script(text: str) -> str:
    """Return JavaScript or JSON as it may stand in a <script> element, which it must not end.

    Both escapes mean the same in strings and regular expressions.
    """
    return re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE).replace("<!--", r"<\u0021--")
