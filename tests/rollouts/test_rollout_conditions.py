from hypothesis import given
from hypothesis import strategies as st

from ota_server.rollouts.conditions import Decision, halt_reason, is_met, judge
from ota_server.rollouts.counts import WaveCounts
from ota_server.rollouts.penalty import FleetRules, after_failure
from ota_server.rollouts.plan import HaltCondition, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share
from ota_server.rollouts.states import DeviceState

few = st.integers(0, 30)
states = st.sampled_from([*DeviceState])


@st.composite
def wave_counts(draw):
    parts = {name: draw(few) for name in ("succeeded", "failed", "fell_back", "refused", "silent")}
    assigned, pending = draw(few), draw(few)
    return WaveCounts(1, sum(parts.values()) + assigned + pending, assigned, **parts)


@given(wave_counts(), st.integers(1, 40))
def test_a_count_halts_exactly_when_so_many_are_bad(counts, most):
    wave = WavePlan.taking("rest", halt=HaltCondition(share=None, count=most))
    assert (halt_reason(wave, counts) is not None) is (counts.bad >= most)


@given(wave_counts(), st.integers(0, 100))
def test_without_a_bad_device_no_share_halts(counts, percent):
    wave = WavePlan.taking("rest", halt=HaltCondition(Share(percent * 100), least=1))
    if not counts.bad:
        assert halt_reason(wave, counts) is None


@given(wave_counts(), few, few)
def test_one_more_success_never_breaks_the_success_condition(counts, of_members, of_answered):
    wave = WavePlan.taking(
        "rest", success=SuccessCondition(Share(of_members * 300), Share(of_answered * 300))
    )
    if counts.pending and is_met(wave, counts):
        assert is_met(wave, counts.moved(DeviceState.PENDING, DeviceState.SUCCEEDED))


@given(wave_counts())
def test_a_wave_is_never_left_without_a_decision(counts):
    verdict = judge(WavePlan.taking("rest"), counts, now=0)
    assert counts.open or verdict.decision is not Decision.GO_ON
    assert bool(verdict.reason) is (verdict.decision is Decision.HALT)


@given(wave_counts(), states, states)
def test_there_and_back_leaves_the_counters_as_they_were(counts, one, other):
    assert counts.moved(None, one).moved(one, None) == counts
    # nobody leaves a state that nobody is in
    counts = counts.moved(None, one)
    assert counts.moved(one, other).moved(other, one) == counts


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=30))
def test_a_device_is_blocked_exactly_when_it_failed_so_often_within_the_time(pauses):
    rules = FleetRules(penalty_failures=3, penalty_within_s=2000, penalty_s=100)
    at, since_block, failed_at = 0, [], ()
    for pause in pauses:
        at += pause
        since_block.append(at)
        failed_at, until = after_failure(failed_at, rules, now=at)
        lately = [moment for moment in since_block if moment > at - 2000]
        assert (until is not None) is (len(lately) >= 3)
        if until is not None:
            assert until == at + 100
            since_block = []
