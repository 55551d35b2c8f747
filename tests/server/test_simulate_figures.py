"""What a simulation counts, says and draws."""

import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.simulate.plot import draw
from ota_server.simulate.summary import Summary, progress_text
from ota_server.simulate.tally import Latencies, Sample, Standing, Tally

SVG = "{http://www.w3.org/2000/svg}"
SAMPLES = (
    Sample(0.0, {Standing.WAITING: 10}, 0, 0.0, 0.0),
    Sample(2.0, {Standing.WAITING: 4, Standing.UPDATING: 6}, 30, 15.0, 0.01),
    Sample(4.0, {Standing.UPDATED: 9, Standing.FELL_BACK: 1}, 60, 15.0, 0.01),
)


@given(st.lists(st.floats(1e-4, 60), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_a_bucket_of_the_exact_one(times, share):
    latencies = Latencies()
    for seconds in times:
        latencies.add(seconds)
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert exact * 0.99 <= latencies.percentile_s(share) <= exact * 1.06


def test_without_an_answer_there_is_no_percentile():
    assert Latencies().percentile_s(0.99) == 0.0


def test_the_most_that_update_at_a_time_is_remembered():
    tally = Tally()
    for _ in range(3):
        tally.move(None, Standing.UPDATING)
    tally.move(Standing.UPDATING, Standing.UPDATED)
    assert tally.most_updating == 3
    assert tally.standings[Standing.UPDATING] == 2


def test_the_plot_stacks_every_standing_of_all_devices():
    root = ET.fromstring(draw(SAMPLES, "10 <devices> & more"))  # noqa: S314 - our own plot
    assert root.find(f"{SVG}title").text == "10 <devices> & more"
    areas = root.findall(f"{SVG}polygon")
    assert len(areas) == 4
    corners = [tuple(map(float, p.split(","))) for area in areas for p in area.get("points").split()]
    width, height = map(float, root.get("viewBox").split()[2:])
    assert all(0 <= x <= width and 0 <= y <= height for x, y in corners)
    words = [text.text for text in root.findall(f"{SVG}text")]
    assert {"updated: 9", "fell back: 1", "updating: 0", "waiting: 0"} <= set(words)


@pytest.mark.parametrize("samples", [(), SAMPLES[:1], SAMPLES * 1000])
def test_any_number_of_samples_is_drawn(samples):
    svg = draw(samples, "title")
    ET.fromstring(svg)  # noqa: S314 - our own plot
    assert len(svg) < 100_000


def test_the_summary_tells_errors_and_times_by_route():
    tally = Tally()
    tally.answered("check-in", 200, 0.010)
    tally.answered("check-in", 503, 0.020)
    tally.answered("reports", 0, 0.0)
    tally.move(None, Standing.UPDATED)
    summary = Summary(tally, SAMPLES, verified=1)
    fields = summary.to_fields()
    assert fields["errors"] == {"503": 1}
    assert fields["unanswered"] == 1
    assert fields["latency_s"]["check-in"]["p50"] == pytest.approx(0.010, rel=0.06)
    assert "errors        503: 1" in summary.text()
    assert "1 updated" in summary.text()


def test_progress_is_one_line():
    assert progress_text(SAMPLES[1]) == "   2 s  4 waiting, 6 updating; 15 requests/s, p99 10 ms"
