"""Keys, thresholds and rotations, and that devices follow them."""

import pytest
from support.signing_desk import PRODUCT, SigningDesk

from ota_client.errors import ConfigError
from signing import root
from signing.errors import NothingToDoError, NotReviewedError, RuleError, SignaturesMissingError
from signing.keys import Scheme
from signing.product import add_product
from signing.sign import sign


@pytest.fixture
def ceremony(tmp_path):
    """Root: 2 of alice, bob and carol."""
    desk = SigningDesk(tmp_path)
    for name in ("alice", "bob", "carol"):
        desk.repository.keys.generate(name)
        root.add_key(desk.repository, "root", name, now=desk.now)
    root.remove_key(desk.repository, "root", "root", now=desk.now)
    root.set_threshold(desk.repository, "root", 2, now=desk.now)
    return desk


def test_two_of_three_people_make_a_root(ceremony):
    first = ceremony.sign("alice")["root"]
    assert str(first) == "root: 1 of 2 signatures; not signed yet: bob, carol"
    ceremony.sign("targets", PRODUCT)
    with pytest.raises(SignaturesMissingError, match="root: 1 of 2"):
        ceremony.publish()
    assert not ceremony.published.exists()
    assert ceremony.sign("carol", user="carol")["root"].is_complete
    ceremony.publish()
    assert ceremony.trusted().root_version == 1


def test_each_person_reviews_for_themselves(ceremony):
    ceremony.review("alice")
    with pytest.raises(NotReviewedError):
        sign(ceremony.repository, user="bob", key_names=("bob",))


def test_a_person_who_signed_already_has_nothing_more_to_sign(ceremony):
    ceremony.sign("alice")
    with pytest.raises(SignaturesMissingError, match="has not yet"):
        ceremony.sign("alice")
    ceremony.sign()
    with pytest.raises(NothingToDoError, match="publish"):
        ceremony.sign()


def test_a_key_that_may_not_sign_what_is_staged_is_refused(desk):
    desk.repository.keys.generate("stranger")
    with pytest.raises(SignaturesMissingError, match="stranger"):
        desk.sign("stranger")


def test_a_new_root_needs_the_previous_keys_too(ceremony):
    ceremony.sign()
    ceremony.publish()
    for name in ("dave", "erin"):
        ceremony.repository.keys.generate(name)
    root.rotate(ceremony.repository, "root", "alice", "dave", now=ceremony.now)
    root.rotate(ceremony.repository, "root", "bob", "erin", now=ceremony.now)
    count = ceremony.sign("dave", "erin")["root"]
    assert str(count).startswith("root: 2 of 2 signatures, and 0 of 2 by the previous keys")
    with pytest.raises(SignaturesMissingError):
        ceremony.publish()
    ceremony.sign("alice", "bob", user="bob")
    ceremony.publish()
    assert ceremony.trusted(root=1).root_version == 2
    assert ceremony.trusted(root=2).root_version == 2


@pytest.mark.walk(2)
@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp", PRODUCT])
def test_devices_follow_the_rotation_of_any_key(desk, role):
    desk.release("1.0.0")
    desk.repository.keys.generate("fresh")
    root.rotate(desk.repository, role, role, "fresh", now=desk.now)
    desk.sign_and_publish()
    (desk.repository.folder / f"keys/{role}.pem").unlink()
    desk.release("1.1.0") if role != "root" else desk.add("1.1.0")
    if role == "root":
        desk.sign_and_publish()
    assert str(desk.offered().version) == "1.1.0"


def test_a_role_whose_key_was_replaced_is_staged_to_be_signed_again(desk):
    desk.release("1.0.0")
    desk.repository.keys.generate("fresh")
    root.rotate(desk.repository, PRODUCT, PRODUCT, "fresh", now=desk.now)
    assert desk.repository.staged_roles() == ["targets", PRODUCT]
    assert any("signed again" in notice for notice in desk.notices)


def test_a_threshold_above_the_number_of_keys_is_refused(desk):
    with pytest.raises(RuleError, match="add keys"):
        root.set_threshold(desk.repository, "root", 2, now=desk.now)
    with pytest.raises(RuleError, match="lower the threshold"):
        root.remove_key(desk.repository, "root", "root", now=desk.now)


def test_a_threshold_that_holds_already_changes_nothing(desk):
    with pytest.raises(NothingToDoError):
        root.set_threshold(desk.repository, "root", 1, now=desk.now)


def test_a_product_signed_by_two_people(desk):
    for name in ("dora", "emil"):
        desk.repository.keys.generate(name)
    add_product(desk.repository, "camera", ("cam-1",), keys=("dora", "emil"), threshold=2, now=desk.now)
    assert not desk.sign("dora", "root", "targets", PRODUCT)["camera"].is_complete
    assert desk.sign("emil")["camera"].is_complete
    desk.publish()


def test_a_key_whose_file_is_lost_is_removed_by_the_head_of_its_id(desk):
    desk.repository.keys.generate("second")
    root.add_key(desk.repository, "root", "second", now=desk.now)
    key_id = desk.repository.keys.read("second").key.keyid
    (desk.repository.folder / "keys/second.pub.json").unlink()
    root.remove_key(desk.repository, "root", key_id[:10], now=desk.now)
    assert key_id not in desk.repository.staged_role("root").signed.roles["root"].keyids


@pytest.mark.parametrize("role", ["toaster", "", "../root"])
def test_an_unknown_role_is_refused(desk, role):
    desk.repository.keys.generate("second")
    with pytest.raises(ConfigError, match="role"):
        root.add_key(desk.repository, role, "second", now=desk.now)


@pytest.mark.parametrize("scheme", list(Scheme))
def test_any_role_may_be_signed_by_any_scheme(desk, scheme):
    for role in ("root", "targets", "snapshot", "timestamp", PRODUCT):
        desk.repository.keys.generate(f"{role}-new", scheme)
        root.rotate(desk.repository, role, role, f"{role}-new", now=desk.now)
    desk.release("1.0.0")
    assert str(desk.offered().version) == "1.0.0"


def test_renew_gives_a_role_a_new_expiry(desk):
    desk.release("1.0.0")
    before = desk.trusted().expires_at["targets"]
    desk.pass_time(days=2)
    root.renew(desk.repository, "targets", now=desk.now)
    assert desk.review()["targets"].changes == ("nothing but the version and the expiry",)
    desk.sign_and_publish()
    assert desk.trusted().expires_at["targets"] > before
    with pytest.raises(ConfigError, match="refresh"):
        root.renew(desk.repository, "timestamp", now=desk.now)
