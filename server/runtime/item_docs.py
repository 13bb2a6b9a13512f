"""The manual's page of configuration items, made from the declarations of `common.model`."""

import inspect
import json
from collections.abc import Iterator

from common.model.item import Item, Property
from common.model.kinds import ALL
from server.runtime.settings_docs import allowed

_INTRO = """# Configuration items

Every kind of item of the configuration API, in the order of the tree. The [integrator guide](integrator-guide.md) says
how they are asked for and changed; `GET /api/openapi.json` says the same for programs. Properties in *italics* are told
by the server and cannot be set; *secret* ones are taken in and never given out.

This page is made from the programs (`make docs`).
"""


def items_page() -> str:
    """Return the page."""
    return _INTRO + "".join("".join(_kind(model)) for model in ALL)


def _kind(model: type[Item]) -> Iterator[str]:
    kind = model.kind
    yield f"\n## {kind.plural}\n\n{' '.join(inspect.cleandoc(model.__doc__ or '').split())}\n\n"
    can = ["list", "read"]
    can += [word for word, may in (("create", kind.creatable), ("change", kind.changeable)) if may]
    can += ["remove"] if kind.deletable else []
    facts = ["Below: " + ", ".join(f"`{parent}`" for parent in kind.parents) + "."] if kind.parents else []
    facts.append(f"Can: {', '.join(can)}.")
    if kind.single:
        facts.append("Each item above has exactly one, with its id.")
    if kind.members:
        facts.append("Members: " + ", ".join(f"`{member}`" for member in kind.members) + ".")
    if kind.tasks:
        facts.append("Tasks: " + ", ".join(f"`{task}`" for task in kind.tasks) + ".")
    if model.is_open():
        facts.append("Keeps properties that are not listed here.")
    yield " ".join(facts) + "\n"
    if model.properties():
        yield "\n| property | label | values | when not said | |\n| --- | --- | --- | --- | --- |\n"
    schema = model.model_json_schema(by_alias=True)["properties"]
    for each in model.properties():
        cells = (_name(each), each.shown.label, _values(schema[each.wire_name], each), _default(each), each.shown.help)
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _name(each: Property) -> str:
    if each.shown.read_only:
        return f"*`{each.wire_name}`*"
    return f"`{each.wire_name}`" + (" (*secret*)" if each.shown.secret else "")


def _values(schema: dict[str, object], each: Property) -> str:
    if each.shown.refers:
        return "reference to " + " or ".join(each.shown.refers)
    if schema.get("type") == "array":
        text = "list"
    elif schema.get("type") == "object" or "$ref" in schema:
        text = "object"
    else:
        pattern = str(schema.get("pattern", ""))
        plain = {name: value for name, value in schema.items() if name != "pattern" or "x00" not in pattern}
        text = allowed(plain)  # that texts hold no control characters goes without saying
    return f"{text} {each.shown.unit}".strip()


def _default(each: Property) -> str:
    if each.field.is_required():
        return "required"
    value = each.field.get_default(call_default_factory=True)
    if value is None or value in ("", (), {}):
        return ""
    if isinstance(value, bool | int | float | str):
        return f"`{json.dumps(value)}`"
    return "as built in"
