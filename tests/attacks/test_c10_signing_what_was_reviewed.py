"""C10: an engineer signs what was reviewed, and nothing else."""

import json

import pytest
from support.signing_desk import PRODUCT, snapshot_of

from signing.errors import NotReviewedError
from signing.sign import sign


def test_what_was_never_reviewed_is_not_signed(desk):
    desk.add("1.0.0")
    before = snapshot_of(desk.repository.folder)
    with pytest.raises(NotReviewedError, match="run `review` first"):
        sign(desk.repository, user="alice")
    assert snapshot_of(desk.repository.folder) == before


def test_what_changed_since_the_review_is_not_signed(desk):
    desk.add("1.0.0")
    desk.review()
    desk.add("1.1.0", content=b"slipped in")
    before = snapshot_of(desk.repository.folder)
    with pytest.raises(NotReviewedError, match="run `review` again"):
        sign(desk.repository, user="alice")
    assert snapshot_of(desk.repository.folder) == before


def test_a_byte_changed_by_hand_since_the_review_is_not_signed(desk):
    desk.add("1.0.0")
    desk.review()
    path = desk.repository.staged_path(PRODUCT)
    value = json.loads(path.read_text())
    entry = value["signed"]["targets"][f"{PRODUCT}/1.0.0/rootfs.data"]
    entry["hashes"]["sha256"] = "0" * 64
    path.write_text(json.dumps(value))
    with pytest.raises(NotReviewedError):
        sign(desk.repository, user="alice")


def test_one_changed_role_stops_all_signatures(desk):
    desk.add("1.0.0")
    desk.review()
    desk.add("1.1.0")
    with pytest.raises(NotReviewedError):
        sign(desk.repository, user="alice")
    assert all(desk.repository.staged_role(r).signatures == {} for r in ("root", "targets", PRODUCT))


def test_the_review_of_somebody_else_does_not_count(desk):
    desk.add("1.0.0")
    desk.review("mallory")
    with pytest.raises(NotReviewedError):
        sign(desk.repository, user="alice")


def test_signatures_of_others_do_not_count_as_a_change(desk):
    desk.add("1.0.0")
    desk.review("alice")
    desk.sign("root", user="bob")
    assert all(count.is_complete for count in sign(desk.repository, user="alice"))


def test_a_damaged_record_of_reviews_counts_for_nobody(desk):
    from signing.errors import RepositoryFileError

    desk.add("1.0.0")
    desk.review()
    (desk.repository.staged_dir / ".reviewed.json").write_text("{")
    with pytest.raises(RepositoryFileError, match="review"):
        sign(desk.repository, user="alice")
