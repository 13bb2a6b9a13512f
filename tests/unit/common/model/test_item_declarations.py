"""Every declaration is complete, and says what is wrong in words."""

import pytest
from pydantic import ValidationError

from common.model.devices import Camera, Hardware
from common.model.item import problems_of, spaced
from common.model.kinds import ALL, BY_PLURAL, children_of
from common.model.rules import Rule


@pytest.mark.parametrize("model", ALL)
def test_every_property_is_shown_and_every_parent_known(model):
    assert set(model.kind.parents) <= set(BY_PLURAL)
    assert set(model.kind.members) <= set(BY_PLURAL)
    assert not (model.kind.single and (model.kind.creatable or model.kind.deletable))
    for each in model.properties():
        assert each.shown.label != each.name, f"{each.name} says not how it is shown"
        assert set(each.shown.refers) <= set(BY_PLURAL)
        assert each.wire_name[0].islower() or each.wire_name.isupper()


@pytest.mark.parametrize("model", ALL)
def test_defaults_are_valid_and_come_back_from_the_wire(model):
    named = {"name": "x"} if "name" in model.model_fields else {}
    item = model.model_validate({**named, "address": "rtsp://h/"} if model is Hardware else named)
    assert model.model_validate(item.to_wire()) == item


def test_each_problem_is_told_by_property():
    with pytest.raises(ValidationError) as wrong:
        Camera.model_validate({"name": "", "prebufferSeconds": 99, "shortName": "a\x00b", "nonsense": 1})
    problems = problems_of(wrong.value)
    assert set(problems) == {"name", "prebufferSeconds", "shortName", "nonsense"}
    assert problems["name"] == "This must not be empty."
    assert problems["shortName"] == "Control characters are not allowed."


def test_a_long_prebuffer_belongs_on_disk():
    assert Camera.model_validate({"name": "x", "prebufferSeconds": 120, "prebufferInMemory": False})
    for wrong in ({"prebufferSeconds": 16}, {"prebufferSeconds": 3601, "prebufferInMemory": False}):
        with pytest.raises(ValidationError) as told:
            Camera.model_validate({"name": "x", **wrong})
        assert set(problems_of(told.value)) == {"prebufferSeconds"}


def test_secrets_are_marked():
    assert Hardware.secrets() == {"password"}
    assert "password" in Hardware.writable()
    devices = [model.kind.plural for model in children_of("hardware") if not model.kind.single]
    assert devices == ["cameras", "microphones", "speakers", "metadata", "inputEvents", "outputs"]


def test_open_items_keep_plain_values_only():
    rule = Rule.model_validate({"name": "x", "Start.StartRecording.Delay": 5, "StartEventSources": [{"id": "a"}]})
    assert Rule.model_validate(rule.to_wire()) == rule
    assert rule.to_wire()["Start.StartRecording.Delay"] == 5
    deep: object = "x"
    for _ in range(10):
        deep = [deep]
    for wrong in ({"a": "x" * 20_000}, {"n" * 300: 1}, {"a": deep}, {str(key): 1 for key in range(600)}):
        with pytest.raises(ValidationError):
            Rule.model_validate({"name": "x", **wrong})


@pytest.mark.parametrize(
    ("name", "text"), [("MotionDetection", "Motion detection"), ("PTZSession", "PTZ session"), ("View", "View")]
)
def test_class_names_are_written_as_words(name, text):
    assert spaced(name) == text
