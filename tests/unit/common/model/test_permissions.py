"""The function that decides: union over roles, denials win, never wider than asked."""

from hypothesis import given
from hypothesis import strategies as st

from common.model.permissions import (
    BY_RESOURCE,
    CAMERAS,
    LABELS,
    NAMESPACES,
    OVERALL,
    Grant,
    Permissions,
    Verb,
    effective,
)

ROLES = ("guards", "managers", "night")
ITEMS = (OVERALL, "camera", "hardware", "group", "elsewhere")
PROFILES = ("", "on", "off", "unknown")
WITHIN = ("camera", "hardware", "group")
masks = st.integers(0, CAMERAS.everything)
grants = st.lists(
    st.builds(
        Grant, st.sampled_from(ROLES), st.just(CAMERAS.id), st.sampled_from(ITEMS), masks, masks,
        st.sampled_from(PROFILES),
    ),
    max_size=12,
)  # fmt: skip
roles = st.sets(st.sampled_from(ROLES))


def active(profile: str) -> bool | None:
    return {"on": True, "off": False}.get(profile)


def spelled_out(given_grants, held, verb):
    """The rule in other words, one verb at a time."""
    concern = [each for each in given_grants if each.role in held and each.item in (OVERALL, *WITHIN)]

    def decided(one: Verb) -> bool:
        bit = CAMERAS.bits[one]
        if any(each.deny & bit and each.profile in ("", "on", "unknown") for each in concern):
            return False
        return any(each.allow & bit and each.profile in ("", "on") for each in concern)

    return decided(verb) and decided(Verb.READ)


@given(grants, roles, st.sampled_from(CAMERAS.verbs))
def test_decides_as_the_rule_says(given_grants, held, verb):
    assert Permissions(given_grants).may(verb, held, CAMERAS, WITHIN, active) == spelled_out(given_grants, held, verb)


@given(grants, roles, roles)
def test_more_roles_only_add_unless_they_deny(given_grants, some, more):
    allowing = [Grant(g.role, g.namespace, g.item, g.allow, 0, g.profile) for g in given_grants]
    permissions = Permissions(allowing)
    few = permissions.mask(some, CAMERAS, WITHIN, active)
    assert permissions.mask(some | more, CAMERAS, WITHIN, active) & few == few


@given(grants, roles)
def test_a_role_that_denies_everything_leaves_nothing(given_grants, held):
    denied = [*given_grants, Grant("barred", CAMERAS.id, OVERALL, deny=CAMERAS.everything)]
    assert Permissions(denied).mask(held | {"barred"}, CAMERAS, WITHIN, active) == 0


@given(grants, roles)
def test_an_item_that_may_not_be_seen_cannot_be_used(given_grants, held):
    mask = Permissions(given_grants).mask(held, CAMERAS, WITHIN, active)
    assert mask == 0 or mask & CAMERAS.mask(Verb.READ)


@given(grants, roles)
def test_what_is_granted_elsewhere_does_not_count(given_grants, held):
    elsewhere = [each for each in given_grants if each.item == "elsewhere"]
    assert Permissions(elsewhere).mask(held, CAMERAS, WITHIN, active) == 0


def test_other_namespaces_do_not_count():
    permissions = Permissions([Grant("guards", NAMESPACES[1].id, OVERALL, allow=CAMERAS.everything)])
    assert permissions.mask(["guards"], CAMERAS, WITHIN, active) == 0


def test_a_verb_that_makes_no_sense_is_never_allowed():
    permissions = Permissions([Grant("guards", CAMERAS.id, OVERALL, allow=-1)])
    assert not permissions.may(Verb.SPEAK, ["guards"], CAMERAS, WITHIN, active)


def test_without_grants_there_is_nothing():
    assert effective([], active) == 0


def test_the_words_are_complete():
    assert set(LABELS) == set(Verb)
    for namespace in NAMESPACES:
        assert namespace.verbs[0] is Verb.READ
        assert len(set(namespace.verbs)) == len(namespace.verbs)
    assert len(BY_RESOURCE) == sum(len(each.resources) for each in NAMESPACES)
    assert CAMERAS.mask(Verb.READ, Verb.VIEW_LIVE) == 5
