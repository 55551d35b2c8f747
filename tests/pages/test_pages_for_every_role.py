"""Every page for every role: what one may see is there; what one may not is as if it were not (B10)."""

from page_paths import CHANGES, LOOKED_AT


def _statuses(browser, paths):
    return {path: browser.get(path).status for path in paths}


def test_an_admin_sees_every_page(pages_of_an_admin):
    statuses = {path: shown.status for path, shown in pages_of_an_admin.items()}

    assert statuses == dict.fromkeys(LOOKED_AT, 200)


def test_an_approver_of_all_products_sees_every_page_but_those_of_admins(signed_in):
    refused = {
        "/operators": 403,
        "/operators/ben": 403,
        "/audit/verify": 403,
        "/devices/cam-0003/decommission": 403,
        # another's subscription
        "/notifications/siem": 404,
    }

    assert _statuses(signed_in("zoe"), LOOKED_AT) == dict.fromkeys(LOOKED_AT, 200) | refused


def test_a_viewer_of_another_product_learns_nothing_of_this_one(signed_in):
    for path in LOOKED_AT:
        shown = signed_in("kai").get(path)

        assert shown.status in {200, 403, 404}, path
        # a refusal says again what was asked for, and nothing else
        if shown.status == 200:
            assert "cam-0" not in shown.text, path
            assert "camera" not in shown.text, path


def test_what_is_of_another_product_is_not_there(signed_in):
    foreign = [path for path in LOOKED_AT if "cam-0003" in path or "/5" in path or "camera" in path]

    assert len(foreign) >= 6
    assert _statuses(signed_in("kai"), foreign) == dict.fromkeys(foreign, 404)


def test_a_viewer_changes_nothing(signed_in, house):
    browser = signed_in("kai")
    browser.get("/")
    with house.database.read() as connection:
        before = connection.exec_driver_sql("SELECT max(id) FROM audit_entries").scalar()

    fields = {"role": "operator", "typed": "cam-0003", "product": "gateway", "name": "x"}
    statuses = {path: browser.post(path, fields).status for path in CHANGES}

    assert {path: status for path, status in statuses.items() if status not in {403, 404, 422}} == {}
    with house.database.read() as connection:
        assert connection.exec_driver_sql("SELECT max(id) FROM audit_entries").scalar() == before


def test_no_button_is_shown_that_would_be_refused(signed_in):
    rollout = signed_in("kai").get("/rollouts/3")

    assert rollout.status == 200
    assert "What may be done" not in rollout.text
    assert "/rollouts/new" not in rollout.text


def test_who_may_not_decide_is_told_why(signed_in):
    assert "You cannot decide this one" in signed_in("mia").get("/rollouts/6").words
    assert "/rollouts/6/approve" in signed_in("zoe").get("/rollouts/6").text


def test_there_is_one_page_for_what_is_not_there_and_what_is_not_yours(signed_in):
    foreign, none = (signed_in("kai").get(f"/devices/{name}") for name in ("cam-0003", "cam-9999"))

    assert foreign.status == none.status == 404
    assert foreign.text.replace("cam-0003", "") == none.text.replace("cam-9999", "")
