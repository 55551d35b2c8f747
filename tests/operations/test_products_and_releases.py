import pytest
from support.office import ALPHA

from ota_client.errors import ExpiredError
from ota_client.formats.version import Version
from ota_server.errors import ForbiddenError, InvalidError, NotFoundError
from ota_server.operations import products, releases
from ota_server.operators.actor import Role
from ota_server.rollouts.product_rules import ProductRules


def test_products_are_those_that_are_published_run_or_ruled(office):
    with office.desk() as desk:
        products.set_rules(desk, "gamma", ProductRules(needs_approval=True))
        found = {one.name: one for one in products.listed(desk)}
    assert set(found) == {"alpha", "beta", "gamma"}
    alpha, gamma = found["alpha"], found["gamma"]
    assert (alpha.devices, alpha.releases, str(alpha.newest), alpha.problem) == (2, 2, "1.1.0", "")
    assert (gamma.devices, gamma.newest, gamma.problem) == (0, None, "nothing is published for it")
    assert (alpha.needs_approval, gamma.needs_approval) == (False, True)


def test_products_are_listed_though_nothing_can_be_believed(office):
    office.catalog.failure = ExpiredError("it expired")
    with office.desk() as desk:
        assert [(one.name, one.problem) for one in products.listed(desk)] == [
            ("alpha", "it expired"),
            ("beta", "it expired"),
        ]


def test_rules_are_an_admin_s(office):
    rules = ProductRules(needs_approval=True)
    with office.desk(office.person("alpha-mia", Role.APPROVER)) as desk, pytest.raises(ForbiddenError):
        products.set_rules(desk, ALPHA, rules)
    with office.desk(office.person("alpha-mia", Role.ADMIN)) as desk:
        products.set_rules(desk, ALPHA, rules)
        assert products.find(desk, ALPHA).needs_approval
        products.set_rules(desk, ALPHA, ProductRules())
        assert not products.find(desk, ALPHA).needs_approval
    with office.desk() as desk, pytest.raises(InvalidError, match="product: expected a name"):
        products.set_rules(desk, "No Name", rules)


def test_nothing_is_told_of_a_product_that_nobody_knows(office):
    with office.desk() as desk, pytest.raises(NotFoundError):
        products.find(desk, "gamma")


def test_releases_come_newest_first_with_who_runs_them(office):
    with office.desk(office.person("alpha-mia", Role.VIEWER)) as desk:
        found = releases.listed(desk)
    assert [(one.release.product, str(one.release.version), one.devices) for one in found] == [
        ("alpha", "1.1.0", 0),
        ("alpha", "1.0.0", 2),
    ]


def test_a_release_says_what_it_mends_and_whose_keys_vouch_for_it(office):
    with office.desk() as desk:
        found = releases.find(desk, ALPHA, Version.parse("1.1.0"))
        first = releases.find(desk, ALPHA, Version.parse("1.0.0"))
    assert [advisory.id for advisory in found.fixes] == ["ALPHA-2026-1"]
    assert (str(found.before), first.before, first.fixes) == ("1.0.0", None, ())
    assert (found.signatures.threshold, len(found.signatures.signed)) == (1, 1)
    fields = found.to_fields()
    assert (fields["devices"], fields["of"], fields["sbom"]["file"]) == (0, 2, "sbom.json")


def test_an_unpublished_product_s_error_names_no_other_product(office):
    actor = office.person("alpha-mia", Role.VIEWER, "gamma")
    with office.desk(actor) as desk, pytest.raises(NotFoundError) as refused:
        releases.listed(desk, product="gamma")
    assert "beta" not in str(refused.value)
