from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.operators.actor import Actor, ActorKind
from ota_server.operators.role import Grant, Role, held, within

PRODUCTS = ["cam", "gw", "*"]
GRANTS = st.dictionaries(st.sampled_from(PRODUCTS), st.sampled_from(list(Role)))


def rank(grants, product):
    role = held(grants, product)
    return -1 if role is None else role.rank


def test_each_role_may_what_the_ones_before_may():
    for lower, higher in pairwise(Role):
        assert higher.covers(lower)
        assert not lower.covers(higher)
        assert lower.covers(lower)


@given(GRANTS, GRANTS, st.sampled_from([*PRODUCTS, "new"]))
def test_what_is_left_within_bounds_is_the_lower_of_both_for_every_product(grants, bounds, product):
    left = within(grants, bounds)
    assert rank(left, product) == min(rank(grants, product), rank(bounds, product))


@given(GRANTS, st.sampled_from([*PRODUCTS, "new"]), st.sampled_from(list(Role)))
def test_an_actor_may_what_its_role_for_the_product_covers(grants, product, role):
    actor = Actor(ActorKind.OPERATOR, "mia", grants, 1)
    assert actor.may(role, product) is (rank(grants, product) >= role.rank)
    assert actor.may_everywhere(role) is (rank(grants, "*") >= role.rank)
    assert (actor.products is None) is ("*" in grants)


@pytest.mark.parametrize(
    ("text", "role", "product"),
    [("operator:cam", Role.OPERATOR, "cam"), ("admin", Role.ADMIN, "*"), ("viewer:*", Role.VIEWER, "*")],
)
def test_a_grant_is_read_as_it_is_written(text, role, product):
    assert Grant.parse(text) == Grant(role, product)


@pytest.mark.parametrize(
    "text", ["", "root:cam", "Admin:cam", "admin:Cam", "admin:../x", "admin:a:b", "admin:"]
)
def test_another_text_is_no_grant(text):
    with pytest.raises(ValueError, match="expected a"):
        Grant.parse(text)
