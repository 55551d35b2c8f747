from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fleet import make_plan

from ota_client.formats.version import Version
from ota_server.errors import InvalidError
from ota_server.rollouts.plan import HaltCondition, ReleaseFacts, RolloutPlan, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share
from ota_server.rollouts.windows import MaintenanceWindow

shares = st.builds(Share, st.integers(0, 10_000))
conditions = {
    "success": st.builds(SuccessCondition, shares, shares),
    "halt": st.builds(
        HaltCondition, st.none() | shares, st.integers(1, 1000), st.none() | st.integers(1, 1000)
    ),
    "soak_s": st.integers(0, 86_400),
}
wave_lists = st.sampled_from(
    [["5%", "25.5%", "rest"], ["1", "10", "100%"], ["devices:cam-1,cam-2", "0.01%"], ["7"]]
).flatmap(
    lambda texts: st.tuples(*(st.builds(WavePlan.taking, st.just(t), **conditions) for t in texts))
)
facts = st.builds(
    ReleaseFacts,
    st.just(Version.parse("1.1.0")),
    st.integers(0, 2**31 - 1),
    st.sampled_from([("cam-v2",), ("cam-v2", "cam-v3")]),
    st.none() | st.just(Version.parse("1.0.5-rc.1")),
)
plans = st.builds(
    lambda waves, **values: make_plan(*waves, **values),
    wave_lists,
    max_in_flight=st.integers(1, 1_000_000),
    forced=st.booleans(),
    starts_at=st.none() | st.just(datetime(2026, 7, 1, 22, tzinfo=UTC)),
    windows=st.sampled_from([(), (MaintenanceWindow.parse("Fri-Sun 22:00-04:30 Europe/Berlin"),)]),
    via=st.none() | st.just(Version.parse("1.0.5")),
    retries=st.integers(0, 10),
    answer_within_s=st.integers(60, 86_400),
    priority=st.integers(-1000, 1000),
    stays_open=st.booleans(),
    release=st.none() | facts,
    stone=st.none() | facts,
)


@given(plans)
def test_a_plan_reads_back_as_it_was_written(plan):
    assert RolloutPlan.from_json(plan.to_json()) == plan


@given(st.text(max_size=40))
def test_any_other_text_is_no_plan(text):
    with pytest.raises(InvalidError):
        RolloutPlan.from_json(text)


def test_a_plan_with_a_field_that_nobody_knows_is_refused():
    text = make_plan().to_json().replace('"forced":true', '"force":true,"forced":true')
    with pytest.raises(InvalidError, match="'force'"):
        RolloutPlan.from_json(text)


@pytest.mark.parametrize(
    ("waves", "sentence"),
    [
        (["25%", "5%"], "rising shares"),
        (["5%", "5%"], "rising shares"),
        (["rest", "10"], "nothing after a wave that takes all the rest"),
        (["devices:cam-1", "devices:cam-1"], "each named device in one wave"),
        (["0%"], "from 1 to 10000"),
        (["0"], "from 1 to 10000000"),
        (["101%"], "a share such as 5%"),
        (["5 %"], "a share such as 5%"),
        (["devices:"], "names of devices"),
        (["devices:CAM"], "names of devices"),
        (["devices:cam-1,cam-1"], "different devices"),
    ],
)
def test_waves_that_make_no_sense_are_refused(waves, sentence):
    with pytest.raises(InvalidError, match=sentence):
        make_plan(*waves)


@pytest.mark.parametrize(
    "values",
    [
        {"max_in_flight": 0},
        {"retries": 11},
        {"answer_within_s": 59},
        {"priority": 1001},
        {"name": "Spring!"},
        {"waves": ()},
        {"via": Version.parse("1.1.0")},
    ],
)
def test_a_value_out_of_range_is_refused_by_name(values):
    with pytest.raises(InvalidError, match=next(iter(values))):
        make_plan(**values)


@given(shares)
def test_a_share_reads_back_as_it_was_written(share):
    assert Share.parse(str(share)) == share


@given(shares, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_share_is_reached_exactly(share, part, whole):
    assert share.is_reached(part, whole) is (part * 10_000 >= share.hundredths * whole)
