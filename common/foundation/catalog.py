"""Sentences an operator reads, by key: `resources/i18n/<language>/*.json`."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from common.foundation.errors import VmsError


class _KeepUnknown(dict[str, object]):
    def __missing__(self, name: str) -> str:
        return "?"


@cache
def _sentences(language: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for file in sorted(files("resources").joinpath("i18n", language).iterdir(), key=lambda f: f.name):
        if file.name.endswith(".json"):
            found.update(json.loads(file.read_text(encoding="utf-8")))
    return found


def text(key: str, language: str = "en", **params: object) -> str:
    """Return the sentence of `key` with `{name}` filled in; the key itself when no catalogue has it."""
    sentence = _sentences(language).get(key) or _sentences("en").get(key)
    return key if sentence is None else sentence.format_map(_KeepUnknown(params))


def explain(error: VmsError, language: str = "en") -> str:
    """Return what to tell a person about `error`: what happened, to what, and what to do."""
    return text(error.message_key, language, detail=str(error), **error.params)
