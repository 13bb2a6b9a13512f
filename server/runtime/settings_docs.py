"""The manual's page of settings, made from the declared tables."""

import json
from typing import Any

from pydantic.fields import FieldInfo

from common.foundation.settings import Settings, unit_of, variable
from server.runtime.tables import TABLES

_INTRO = """# Settings

One TOML file holds all settings, a table per daemon. It is read at start: `/etc/vedette/vedette.toml` for a service,
else `~/.config/vedette/vedette.toml`, or the file named by `--config`. Every key may be left out. An environment
variable `VEDETTE_<SECTION>__<KEY>` goes above the file; in one, the entries of a list are separated by commas. A key
that nobody knows, or a value that is not allowed, is an error at start that names it.

This page is made from the programs (`make docs`); `vedette-server settings` prints it.
"""


def settings_page() -> str:
    """Return the page."""
    return _INTRO + "".join(_table(section, model) for section, model in TABLES.items())


def _table(section: str, model: type[Settings]) -> str:
    summary = (model.__doc__ or "").strip().splitlines()[0]
    lines = [f"\n## [{section}]\n\n{summary}\n\n", "| key | default | allowed | meaning |\n| --- | --- | --- | --- |\n"]
    schema = model.model_json_schema()["properties"]
    for key, field in model.model_fields.items():
        unit = f" {unit_of(field)}" if unit_of(field) else ""
        cells = (f"`{key}`", _default(field) + unit, allowed(schema[key]), field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    example = next(iter(model.model_fields))
    lines.append(f"\nIn the environment, for example: `{variable(section, example)}`.\n")
    return "".join(lines)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return "not set"
    if isinstance(value, tuple | list):
        return f"`{json.dumps(list(value))}`"
    return f"`{json.dumps(value, default=str)}`"


def allowed(schema: dict[str, Any]) -> str:
    """Say which values a JSON schema allows."""
    if "anyOf" in schema:
        return " or ".join(allowed(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    words = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "array": "list of texts"}
    text = words.get(schema.get("type", ""), "path" if schema.get("format") == "path" else "text")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low} to {high}"
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    return text
