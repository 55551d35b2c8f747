"""A tile of the overview leads to as many devices as it says, whatever the settings say."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from ota_server.devices import fleet_figures

_TILE = re.compile(r'<a class="tile[^"]*" href="([^"]+)"><span class="value">([^<]+)</span>')
DAY_S = 86_400


@pytest.mark.parametrize(
    ("silent_after_s", "warned_days"), [(7 * DAY_S, 14), (10 * DAY_S, 30), (5400, 1)], ids=str
)
def test_a_tile_leads_to_as_many_as_it_says(visit, own_house, silent_after_s, warned_days):
    rules = replace(
        own_house.settings.notifications,
        silent_after_s=silent_after_s,
        expiry_warning_days=warned_days,
    )
    object.__setattr__(own_house, "settings", replace(own_house.settings, notifications=rules))
    now, mia = own_house.clock(), visit("mia")
    with own_house.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM device_seen WHERE device_pk IN (3, 4)")
        young = int(now.timestamp()) - 60
        connection.exec_driver_sql("UPDATE devices SET created_at = ? WHERE pk = 4", (young,))
        spans = timedelta(seconds=silent_after_s), timedelta(days=warned_days)
        found = fleet_figures.count(connection, silent_after=spans[0], warn=spans[1], now=now)
        fleet_figures.remember(connection, found, now=now)

    tiles = [(path.replace("&amp;", "&"), value) for path, value in _TILE.findall(mia.get("/").text)]

    followed = {path: value for path, value in tiles if "silent=" in path or "ends=" in path}
    assert len(followed) == 2
    for path, value in followed.items():
        shown = mia.get(path)
        assert re.search(r"<h1>Devices</h1><span[^>]*>(\d+)", shown.text)[1] == value, path
        assert "selected" in shown.text
    assert sum(int(value) for value in followed.values()) > 0


def test_a_tile_that_counts_fallbacks_leads_to_them(signed_in):
    shown = signed_in("mia").get("/").text

    assert 'href="#fell-back"' in shown
    assert 'id="fell-back"' in shown
