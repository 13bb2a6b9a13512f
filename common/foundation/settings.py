"""What an administrator may set: one TOML file with a table per daemon, and environment variables above it.

A daemon declares its table as a subclass of `Settings`, each key by `setting(...)`. `load_settings` reads it from the
file, then from variables named `VEDETTE_<SECTION>__<KEY>`. A name nobody knows is an error that names the nearest one.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from common.foundation.errors import SettingsError

SECTIONS = ("management", "recording")
"""Every table the file may hold: one per daemon."""

_PREFIX = "VEDETTE_"


class Settings(BaseModel):
    """Base of every daemon's table. `--port-offset` shifts each key that ends in `port`, and it must be free."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


AnySettings = TypeVar("AnySettings", bound=Settings)


def setting(default: Any, description: str, *, unit: str = "", **limits: Any) -> Any:
    """Declare one key: its default, a sentence for the manual, its unit, and limits as of `pydantic.Field`."""
    return Field(default, description=description, json_schema_extra={"unit": unit}, **limits)


def unit_of(field: FieldInfo) -> str:
    """Return the unit `setting` was given, or an empty string."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that overrides a key."""
    return f"{_PREFIX}{section.upper()}__{key.upper()}"


def load_settings(model: type[AnySettings], section: str, file: Path | None, environ: Mapping[str, str]) -> AnySettings:
    """Return the table `section` of `file`, overridden from `environ`. No file means defaults.

    Raises SettingsError naming the file or variable, the key, what was given and what is allowed.
    """
    given: dict[str, object] = {}
    origin: dict[str, str] = {}
    if file is not None:
        for key, value in _table(file, section).items():
            origin[key] = f"[{section}] {key} in {file}"
            if key not in model.model_fields:
                raise SettingsError(f"{origin[key]} is not a setting{_nearest(key, model.model_fields)}")
            given[key] = value
    for key, name in _overrides(model, section, environ).items():
        origin[key] = f"the environment variable {name}"
        given[key] = _from_text(model.model_fields[key], environ[name], origin[key])
    try:
        return model.model_validate_json(json.dumps(given, default=str), strict=True)
    except ValidationError as wrong:
        raise SettingsError("; ".join(_wrong_value(model, origin, dict(error)) for error in wrong.errors())) from None


def _table(file: Path, section: str) -> Mapping[str, object]:
    try:
        whole = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"the file {file} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the file {file} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the file {file} is not valid TOML: {error}") from None
    for name, value in whole.items():
        if name not in SECTIONS:
            what = f"table [{name}]" if isinstance(value, dict) else f"key '{name}' outside any table"
            raise SettingsError(f"the {what} in {file} is not known{_nearest(name, SECTIONS)}")
        if not isinstance(value, dict):
            raise SettingsError(f"'{name}' in {file} must be a table: write [{name}] on a line of its own")
    table = whole.get(section, {})
    return table if isinstance(table, dict) else {}


def _overrides(model: type[Settings], section: str, environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in environ:
        if not name.startswith(_PREFIX) or "__" not in name:
            continue  # our other variables have no double underscore
        spelt_section, _, key = name.removeprefix(_PREFIX).lower().partition("__")
        if spelt_section not in SECTIONS:
            known = [f"{_PREFIX}{one.upper()}__{key.upper()}" for one in SECTIONS]
            raise SettingsError(f"the environment variable {name} is not a setting{_nearest(name, known)}")
        if spelt_section != section:
            continue
        if key not in model.model_fields:
            known = [variable(section, one) for one in model.model_fields]
            raise SettingsError(f"the environment variable {name} is not a setting{_nearest(name, known)}")
        found[key] = name
    return found


def _from_text(field: FieldInfo, text: str, origin: str) -> object:
    """Read an environment variable's text as the key's type; lists are separated by commas."""
    adapter: TypeAdapter[Any] = TypeAdapter(field.annotation or str)
    try:
        if get_origin(field.annotation) in (list, tuple, set, frozenset):
            parts = [part.strip() for part in text.split(",") if part.strip()]
            return adapter.dump_python(adapter.validate_python(parts), mode="json")
        return adapter.dump_python(adapter.validate_strings(text), mode="json")
    except ValidationError as wrong:
        raise SettingsError(f"{origin} is '{text}': {_sentence(wrong.errors()[0]['msg'])}") from None


def _wrong_value(model: type[Settings], origin: Mapping[str, str], error: Mapping[str, Any]) -> str:
    path = error["loc"]
    key = str(path[0]) if path else ""
    where = origin.get(key, key or "the settings")
    if len(path) > 1:
        where += " (entry " + ".".join(str(part + 1 if isinstance(part, int) else part) for part in path[1:]) + ")"
    unit = unit_of(model.model_fields[key]) if key in model.model_fields else ""
    secret = key in model.model_fields and not model.model_fields[key].repr
    given = f" is {json.dumps(error['input'], default=str)}" if path and not secret else ""
    return f"{where}{given}: {_sentence(error['msg'])}" + (f" (in {unit})" if unit else "")


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "it must be", 1)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(sorted(known))}"
