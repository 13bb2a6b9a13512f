"""Texts on screen, in the client's language."""

from common.foundation.catalog import explain, text
from common.foundation.errors import VmsError

_language: list[str] = ["en"]


def set_language(language: str) -> None:
    """Choose the language of every text made from now on."""
    _language[0] = language


def words(key: str, **params: object) -> str:
    """Return the text of `key` in the client's language."""
    return text(key, _language[0], **params)


def sentence(error: VmsError) -> str:
    """Return what to tell the operator about `error`."""
    return explain(error, _language[0])
