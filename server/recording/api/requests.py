"""Checks what stands in a viewer's request as a JSON object."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from common.foundation.errors import ProtocolError

Checked = TypeVar("Checked", bound=BaseModel)


def checked_request(model: type[Checked], given: Mapping[str, Any], op: str) -> Checked:
    """Make a value of it; raise ProtocolError that names the first thing wrong."""
    try:
        return model.model_validate_json(json.dumps(given, ensure_ascii=True))
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(f"{op}: {where or 'request'}: {first['msg']}", peer="The client") from None
