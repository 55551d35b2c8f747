"""Random lives of a fleet under two rollouts. Whatever happens, the counters are what a count says."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.fleet import emptied
from support.rollout_story import RolloutStory

from ota_client.formats.version import Version
from ota_client.protocol import ReportState
from ota_server.errors import ConflictError
from ota_server.rollouts.plan import HaltCondition, SuccessCondition, WavePlan
from ota_server.rollouts.share import Share
from ota_server.rollouts.states import IN_FLIGHT, OPEN_ROLLOUTS, ROLLOUT_TRANSITIONS

DEVICES = 8
numbers = st.integers(0, DEVICES + 3)
rollout_ids = st.integers(1, 2)
percents = st.integers(0, 100).map(lambda percent: Share(percent * 100))
waves = st.builds(
    WavePlan.taking,
    st.just("rest"),
    success=st.builds(SuccessCondition, percents, percents),
    halt=st.builds(
        HaltCondition, st.none() | percents, st.integers(1, 4), st.none() | st.integers(1, 4)
    ),
    soak_s=st.sampled_from([0, 0, 600]),
)


class RolloutLife(RuleBasedStateMachine):
    """One life."""

    # given by who runs it
    database = None

    @initialize(
        first=st.sampled_from(["1", "2", "4"]),
        last=waves,
        most=st.integers(1, 4),
        retries=st.integers(0, 2),
        forced=st.booleans(),
        stays_open=st.booleans(),
        stepping=st.booleans(),
    )
    def begin(self, first, last, most, retries, forced, stays_open, stepping):
        self.story = story = RolloutStory(emptied(self.database), DEVICES)
        if stepping:
            story.releases.put("1.1.0", min_version="1.0.5")
            story.releases.put("1.0.5")
        stone = Version.parse("1.0.5") if stepping else None
        values = {"max_in_flight": most, "retries": retries, "answer_within_s": 900}
        self.ids = [story.create(first, last, via=stone, forced=forced, **values).id]
        self.ids.append(
            story.create(
                last, name="other", version=Version.parse("1.2.0"), stays_open=stays_open, **values
            ).id
        )
        self.gone = set()
        self.seen = {rollout_id: story.show(rollout_id) for rollout_id in self.ids}

    @rule(number=numbers, which=rollout_ids, consented=st.booleans())
    def device_checks_in(self, number, which, consented):
        device_id, rollout_id = f"cam-{number}", self.ids[which - 1]
        place = self.story.place(device_id, rollout_id)
        if place is not None:
            got = self.story.claim(device_id, rollout_id, consented=consented)
            assert got is None or got.id == place.id

    @rule(
        number=numbers,
        which=rollout_ids,
        words=st.lists(st.sampled_from(ReportState), min_size=1, max_size=3),
    )
    def device_reports(self, number, which, words):
        device_id, rollout_id = f"cam-{number}", self.ids[which - 1]
        place = self.story.place(device_id, rollout_id)
        if place is not None:
            version = place.version or "1.1.0"
            state = self.story.tell(device_id, *words, rollout_id=rollout_id, version=version)
            is_running = state == "succeeded" or version == "1.0.5"
            if words[-1] is ReportState.CONFIRMED and is_running:
                self.story.set(device_id, running_version=version)

    @rule(number=numbers)
    def device_joins(self, number):
        if number not in self.gone:
            self.story.join(f"cam-{number}")

    @rule(number=numbers)
    def device_leaves(self, number):
        if f"cam-{number}" in self.story.pks:
            self.story.leave(f"cam-{number}")

    @rule(number=numbers)
    def device_is_revoked(self, number):
        if f"cam-{number}" in self.story.pks:
            self.story.revoke(f"cam-{number}")

    @rule(number=numbers)
    def device_is_here(self, number):
        device_id = f"cam-{number}"
        if device_id in self.story.pks and number not in self.gone:
            self.story.here(device_id)

    @precondition(lambda self: len(self.gone) < 3)
    @rule(number=st.integers(0, DEVICES - 1))
    def device_is_decommissioned(self, number):
        self.gone.add(number)
        self.story.decommission(f"cam-{number}")

    @rule(seconds=st.sampled_from([1, 300, 901]))
    def time_passes(self, seconds):
        self.story.later(seconds)

    @rule(which=rollout_ids, act=st.sampled_from(["pause", "resume", "resume", "abort"]))
    def operator_steers(self, which, act):
        try:
            getattr(self.story, act)(self.ids[which - 1])
        except ConflictError:
            assert not any(
                state == self.seen[self.ids[which - 1]].state and event == act
                for state, event in ROLLOUT_TRANSITIONS
            )

    @rule(which=rollout_ids)
    def operator_retries(self, which):
        if self.story.show(self.ids[which - 1]).state != "aborted":
            self.story.retry(self.ids[which - 1])

    @invariant()
    def what_must_hold(self):
        if not hasattr(self, "seen"):
            return
        for rollout_id, before in self.seen.items():
            now = self.story.show(rollout_id)
            self.seen[rollout_id] = now
            # a wave that is open stays open, and an aborted rollout stays aborted
            assert now.wave >= before.wave
            assert before.state != "aborted" or now.state == "aborted"
            assert now.in_flight <= now.max_in_flight
            if now.state == "finished":
                assert not any(wave.open for wave in now.waves)
            if now.state not in OPEN_ROLLOUTS:
                assert not any(wave.pending for wave in now.waves)
        self._one_update_at_a_time()

    def _one_update_at_a_time(self):
        updating = [
            device_id
            for rollout_id in self.ids
            for device_id, state in self.story.states(rollout_id).items()
            if state in IN_FLIGHT
        ]
        assert len(set(updating)) == len(updating)
