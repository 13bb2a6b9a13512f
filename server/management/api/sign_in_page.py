"""The sign-in page that management serves itself: plain HTML without scripts or anything from elsewhere."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from urllib.parse import urlsplit

import segno
from starlette.responses import HTMLResponse

from common.foundation.catalog import text

_LAYOUT = """
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:16px;font:16px/1.5 system-ui,sans-serif;
background:var(--base);color:var(--text)}
main{width:100%;max-width:420px;padding:32px;border:1px solid var(--line);border-radius:8px;background:var(--panel)}
h1{margin:0 0 16px;font-size:20px;font-weight:600}
p{margin:0 0 16px;color:var(--muted)}
label{display:block;margin:16px 0 4px;color:var(--muted);font-size:14px}
input{width:100%;height:40px;padding:0 12px;border:1px solid var(--edge);border-radius:4px;font:inherit;
background:var(--raised);color:var(--text)}
button,.button{display:block;width:100%;margin-top:24px;padding:8px 16px;border:1px solid transparent;border-radius:4px;
font:inherit;text-align:center;text-decoration:none;background:var(--accent);color:var(--on_accent);cursor:pointer}
.plain{margin-top:8px;background:transparent;border-color:var(--line);color:var(--text)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.error{margin:0 0 16px;padding:8px 12px;border-left:4px solid var(--alarm);background:var(--raised);color:var(--text)}
code,li{font-family:ui-monospace,monospace}
.key{overflow-wrap:anywhere;color:var(--text)}
img{display:block;margin:0 auto 16px;padding:12px;width:220px;background:#fff}
ul{columns:2;margin:0;padding:0;list-style:none}
"""


@dataclass(frozen=True, slots=True)
class Field:
    """One field to fill in; `complete` is what a browser's password manager goes by."""

    name: str
    label: str
    complete: str
    secret: bool = False
    numeric: bool = False
    required: bool = True
    value: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One step of signing in."""

    site: str
    heading: str
    fields: Sequence[Field] = ()
    submit: str = ""
    explanation: str = ""
    error: str = ""
    hidden: Sequence[tuple[str, str]] = ()
    otpauth_uri: str = ""
    key: str = ""
    codes: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()  # address and words
    action: str = ""  # where the form goes


@cache
def _style() -> str:
    tokens = json.loads(files("resources").joinpath("qss", "tokens.json").read_text(encoding="utf-8"))
    names = ("base", "panel", "raised", "line", "edge", "text", "muted", "accent", "on_accent", "alarm")

    def block(theme: str) -> str:
        return ":root{" + "".join(f"--{name}:{tokens[theme][name]};" for name in names) + "}"

    return f"{block('dark')}@media(prefers-color-scheme:light){{{block('light')}}}{_LAYOUT}"


def page_answer(page: Page, redirect_uri: str = "", status: int = 200) -> HTMLResponse:
    """Return the page, with headers that let it load nothing and be framed by nobody.

    `redirect_uri`: where the form may lead in the end (browsers hold a form's redirects against `form-action` too).
    """
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    parts = urlsplit(redirect_uri)
    onward = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'{onward}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(_html(page, style), status, {"Content-Security-Policy": policy, "Cache-Control": "no-store"})


def _html(page: Page, style: str) -> str:
    said = escape(page.error)
    return "".join(
        (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(text('signin.title', site=page.site))}</title><style>{style}</style></head><body><main>",
            f"<h1>{escape(page.heading)}</h1>",
            f'<p class="error" id="error" role="alert">{said}</p>' if said else "",
            f"<p>{escape(page.explanation)}</p>" if page.explanation else "",
            _picture(page),
            _codes(page.codes),
            _form(page),
            _links(page.links),
            "</main></body></html>",
        )
    )


def _form(page: Page) -> str:
    if not page.submit:
        return ""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in page.hidden
    )
    first = next((field.name for field in page.fields if not field.value), "")
    fields = "".join(_field(field, field.name == first, bool(page.error)) for field in page.fields)
    button = f'<button type="submit">{escape(page.submit)}</button>'
    return f'<form method="post" action="{escape(page.action)}">{hidden}{fields}{button}</form>'


def _field(field: Field, first: bool, wrong: bool) -> str:
    kind = "password" if field.secret else "text"
    more = (
        ("" if not field.required else " required")
        + (" autofocus" if first else "")
        + (' inputmode="numeric"' if field.numeric else "")
        + (' aria-describedby="error" aria-invalid="true"' if wrong else "")
    )
    return (
        f'<label for="{field.name}">{escape(field.label)}</label>'
        f'<input id="{field.name}" name="{field.name}" type="{kind}" autocomplete="{field.complete}" '
        f'autocapitalize="none" spellcheck="false" maxlength="1024" value="{escape(field.value)}"{more}>'
    )


def _picture(page: Page) -> str:
    if not page.otpauth_uri:
        return ""
    picture = segno.make(page.otpauth_uri, error="m", micro=False).svg_data_uri(border=0, scale=4)
    return (
        f'<img src="{escape(picture)}" alt="{escape(text("signin.setup_picture"))}">'
        f'<p>{escape(text("signin.setup_key"))}: <code class="key">{escape(_in_fours(page.key))}</code></p>'
    )


def _in_fours(key: str) -> str:
    return " ".join(key[at : at + 4] for at in range(0, len(key), 4))


def _codes(codes: Iterable[str]) -> str:
    rows = "".join(f"<li>{escape(code)}</li>" for code in codes)
    return f"<ul>{rows}</ul>" if rows else ""


def _links(links: Sequence[tuple[str, str]]) -> str:
    if not links:
        return ""
    return "".join(f'<a class="button plain" href="{escape(url)}">{escape(words)}</a>' for url, words in links)
