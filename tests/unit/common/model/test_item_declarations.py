"""Every declaration is complete, and says what is wrong in words."""

import pytest
from pydantic import ValidationError

from common.model.devices import Camera, Hardware
from common.model.item import problems_of
from common.model.kinds import ALL, BY_PLURAL, children_of


@pytest.mark.parametrize("model", ALL)
def test_every_property_is_shown_and_every_parent_known(model):
    assert model.kind.parent == "" or model.kind.parent in BY_PLURAL
    assert model.kind.node
    for each in model.properties():
        assert each.shown.label, each.name
        assert each.wire_name[0].islower()


@pytest.mark.parametrize("model", ALL)
def test_defaults_are_valid_and_come_back_from_the_wire(model):
    item = model.model_validate({"name": "x", "address": "rtsp://h/"} if model is Hardware else {"name": "x"})
    assert model.model_validate(item.to_wire()) == item


def test_each_problem_is_told_by_property():
    with pytest.raises(ValidationError) as wrong:
        Camera.model_validate({"name": "", "prebufferSeconds": 99, "shortName": "a\x00b", "nonsense": 1})
    problems = problems_of(wrong.value)
    assert set(problems) == {"name", "prebufferSeconds", "shortName", "nonsense"}
    assert problems["name"] == "This must not be empty."
    assert problems["shortName"] == "Control characters are not allowed."


def test_secrets_are_marked():
    assert Hardware.secrets() == {"password"}
    assert "password" in Hardware.writable()
    assert [model.kind.plural for model in children_of("hardware")] == ["cameras", "microphones"]
