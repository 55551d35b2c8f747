"""Groups by pages: who would be in, what another query would do, and who may change it."""

import re

import pytest

NEW = "/groups/new?product=camera&name=yard&query="
OLD = "attribute.site+%3D+harbour+and+version+%3C%3D+2.3.0"


def test_a_group_is_previewed_made_and_begins_a_rollout(visit):
    ben = visit("ben")
    preview = ben.get(NEW + OLD)
    assert "Who would be in" in preview.words
    assert "/devices/cam-00" in preview.text
    assert ben.get("/groups/camera/yard").status == 404

    fields = {"product": "camera", "name": "yard", "query": "attribute.site = harbour"}
    made = ben.post("/groups", fields)

    assert "The group was made" in made.words
    assert "/rollouts/new?product=camera&amp;group=yard" in made.text
    assert "yard" in ben.get("/groups").words
    assert '<option value="yard" selected' in ben.get("/rollouts/new?product=camera&group=yard").text


def test_a_query_that_is_none_is_told_at_its_field(visit):
    shown = visit("ben").get(NEW + "version+%3C+1.4")

    assert shown.status == 422
    assert "column 11: expected behind" in shown.words
    assert 'maxlength="2000" rows="2" autocapitalize="none" spellcheck="false" aria-invalid="true"' in (
        shown.text
    )
    assert "version &lt; 1.4</textarea>" in shown.text
    assert "Make the group" not in shown.words


def test_a_name_that_is_taken_is_told_and_what_was_typed_stays(visit):
    ben = visit("ben")
    ben.get(NEW)

    shown = ben.post("/groups", {"product": "camera", "name": "lab", "query": "tag = old"})

    assert shown.status == 422
    assert "expected a new name for the group, got lab" in shown.words
    assert "tag = old</textarea>" in shown.text


def test_another_query_says_who_comes_in_and_who_falls_out_before_it_does(visit):
    ben = visit("ben")
    shown = ben.get("/groups/camera/harbour/edit?query=device_id+~+cam-000%3F")
    assert "10 devices would be in" in shown.words
    # every fourth is at the harbour
    assert {f"/devices/cam-000{number}" for number in (1, 2, 3)} <= set(shown.links())
    assert re.search(r"Come in\s+7\s.*Fall out\s+6\s", shown.words, re.DOTALL)
    assert ben.get("/devices?product=camera&group=harbour").words.count("cam-0001") == 0

    changed = ben.post("/groups/camera/harbour/edit", {"query": "device_id ~ cam-000?"})

    assert "its open rollouts follow" in changed.words
    assert "10 devices" in changed.words
    wrong = ben.post("/groups/camera/harbour/edit", {"query": "nonsense"})
    assert wrong.status == 422
    assert "nonsense</textarea>" in wrong.text


def test_open_rollouts_that_follow_are_counted(visit):
    shown = visit("mia").get("/groups/camera/all/edit?query=tag+%3D+beta")

    assert "1 follow: who comes in takes part" in " ".join(shown.words.split())


def test_who_made_a_rollout_sees_why_its_group_is_not_theirs_to_change(visit):
    """Four eyes: what a second person agreed to is not widened by the first."""
    mia, zoe = visit("mia"), visit("zoe")
    path = "/groups/meter/all/edit?query=tag+%3D+beta"

    shown = mia.get(path)

    assert "You can look, and not change it" in shown.words
    assert "Change the query" not in shown.words
    assert mia.post("/groups/meter/all/edit", {"query": "tag = beta"}).status == 403
    assert "Change the query" in zoe.get(path).words


def test_a_group_without_rollouts_is_deleted_and_its_devices_stay(visit):
    ben = visit("ben")
    assert "/groups/camera/lab/delete" in ben.get("/groups/camera/lab").links()
    assert "It has 1 device now" in ben.get("/groups/camera/lab/delete").words

    gone = ben.post("/groups/camera/lab/delete")

    assert "its devices stay" in gone.words
    assert ben.get("/groups/camera/lab").status == 404
    assert ben.get("/devices/cam-0003").status == 200


def test_a_group_with_rollouts_stays(visit):
    ben = visit("ben")
    shown = ben.get("/groups/camera/harbour")
    assert "/groups/camera/harbour/delete" not in shown.text
    assert "lab-only" in shown.words

    assert ben.post("/groups/camera/harbour/delete").status == 409


def test_a_viewer_is_shown_groups_and_no_button(signed_in):
    kai = signed_in("kai")

    assert "New group" not in kai.get("/groups").words
    assert "What may be done" not in kai.get("/groups/gateway/all").words
    assert "an admin gives the role" in kai.get("/groups/new").words
    assert kai.get("/groups/gateway/all/edit").status == 403


@pytest.mark.parametrize("after", ["0", "5", "500"])
def test_a_long_list_has_pages(signed_in, after):
    assert signed_in("mia").get(f"/groups?after={after}").status == 200


def test_a_page_that_is_no_number_is_refused(signed_in):
    assert signed_in("mia").get("/groups?after=all").status == 422
