"""Pieces of a page: its frame, tables, figures. A phone shows one figure below another, a desk several in a row."""

import base64
import html
from collections.abc import Iterable, Sequence

STYLE = """
* { box-sizing: border-box }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; color: #111;
  overflow-wrap: anywhere }
h1 { font-size: 1.4rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
h2 { border-top: 1px solid #ccc; padding-top: .8rem }
.said { border-left: 4px solid #009e73; padding: .4rem .8rem; margin: .6rem 0; background: #f2faf7 }
.warning { border-left: 4px solid #d55e00; padding: .4rem .8rem; margin: .6rem 0; background: #fdf3ec }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(21.5rem, 100%), 1fr)); gap: 1.5rem }
figure { margin: 0; max-width: 28rem; min-width: 0 } figcaption { font-size: 14px; color: #444 }
img { width: 100%; height: auto; display: block }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums }
td, th { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top }
.scroll td, .scroll th { white-space: nowrap }
.facts th { font-weight: normal; color: #444; min-width: 7rem } 
pre { background: #f5f5f5; padding: .8rem; overflow-x: auto; font-size: 13px; overflow-wrap: normal }
"""

ALONE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, sections: Iterable[str]) -> str:
    """A whole page, which asks nobody for anything."""
    text = html.escape(title)
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text}</title><style>{STYLE}</style>"
        f'<meta http-equiv="Content-Security-Policy" content="{ALONE}"><link rel="icon" href="data:,">'
    )
    body = f"<h1>{text}</h1>{''.join(sections)}"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def heading(text: str) -> str:
    """Of a section."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    """A line of text; `kind` is `said` or `warning`."""
    return f"<p{f' class={kind}' if kind else ''}>{html.escape(text)}</p>"


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values; the values wrap."""
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="facts">{cells}</table>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a head; one that is wider than the screen scrolls by itself."""
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return f'<div class="scroll"><table>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def figure(png: bytes, caption: str) -> str:
    """A figure with its caption, which is also what is read aloud."""
    text, data = html.escape(caption, quote=True), base64.b64encode(png).decode()
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


def figures(found: Iterable[str]) -> str:
    """Figures side by side, as many as fit."""
    return f'<div class="figures">{"".join(found)}</div>'


def code(text: str) -> str:
    """Text as it was written."""
    return f"<pre>{html.escape(text)}</pre>"
