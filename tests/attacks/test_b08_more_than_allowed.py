"""B08: more devices updating at once than the rollout allows, when many ask at the same moment."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from support import fleet
from support.postgresql import needs_postgresql, postgresql
from support.rollout_story import RolloutStory

from ota_client.protocol import ReportState
from ota_server.database.database import Database
from ota_server.database.schema import IN_FLIGHT_STATES, rollout_devices, rollouts
from ota_server.rollouts.answers import answer
from ota_server.rollouts.claim import claim
from ota_server.rollouts.plan import HaltCondition, WavePlan
from ota_server.rollouts.stepping import step

PATIENT = WavePlan.taking("rest", halt=HaltCondition(share=None))
WORDS = (ReportState.DOWNLOADING, ReportState.INSTALLED, ReportState.TRIAL)
LAST_WORDS = (ReportState.CONFIRMED, ReportState.CONFIRMED, ReportState.FAILED, ReportState.FELL_BACK)


class Crowd:
    """Devices that all check in and report at the same time.

    Args:
        story: with a rollout.
    """

    def __init__(self, story):
        self.story, self.over, self.samples = story, Event(), 0
        with story.database.read() as connection:
            self.places = {name: row.id for name, row in fleet.places(connection, 1).items()}

    def run(self, threads):
        with ThreadPoolExecutor(threads + 2) as pool:
            watching = pool.submit(self.watch)
            stepping = pool.submit(self.step)
            try:
                parts = [self.story.device_ids[n::threads] for n in range(threads)]
                list(pool.map(self.live, parts, range(threads)))
            finally:
                self.over.set()
            stepping.result()
            return watching.result()

    def live(self, device_ids, seed):
        """Play some devices at once, each from its first check-in to its last word."""
        chance = random.Random(seed)
        said = dict.fromkeys(device_ids, -1)
        while said:
            updating = [device_id for device_id, words in said.items() if words >= 0]
            # some ask while all places are taken, but not only these
            device_id = chance.choice(updating if updating and chance.random() < 0.7 else [*said])
            if said[device_id] < 0:
                said[device_id] += self.check_in(device_id)
            else:
                self.report(device_id, (*WORDS, chance.choice(LAST_WORDS))[said[device_id]])
                said[device_id] += 1
            if said[device_id] > len(WORDS):
                del said[device_id]

    def check_in(self, device_id):
        with self.story.database.begin() as connection:
            return claim(connection, self.places[device_id], now=self.story.now) is not None

    def report(self, device_id, word):
        said = fleet.report(self.places[device_id], word)
        with self.story.database.begin() as connection:
            answer(connection, self.story.pks[device_id], said, now=self.story.now)

    def step(self):
        while not self.over.wait(0.02):
            with self.story.database.begin() as connection:
                step(connection, now=self.story.now)

    def watch(self):
        """The most devices that held a place, over all moments looked at."""
        most = 0
        holding = select(func.count()).where(rollout_devices.c.state.in_(IN_FLIGHT_STATES))
        while not self.over.is_set():
            with self.story.database.read() as connection:
                most = max(most, connection.execute(holding).scalar_one())
            self.samples += 1
        return most


def rush(where, devices, most, threads):
    story = RolloutStory(where, devices)
    story.create(PATIENT, max_in_flight=most)
    crowd = Crowd(story)
    highest = crowd.run(threads)
    assert crowd.samples > 10
    # it was used up, and never passed
    assert highest == most
    with story.database.read() as connection:
        assert fleet.miscounted(connection) == []
    wave = story.show().waves[0]
    assert (wave.open, wave.answered, story.show().in_flight) == (0, devices, 0)


def test_a_crowd_never_gets_more_places_than_there_are(tmp_path):
    rush(tmp_path, devices=24, most=3, threads=6)


@pytest.mark.system
@needs_postgresql
def test_a_crowd_on_postgresql_never_gets_more_places_than_there_are():
    with postgresql() as server:
        database = fleet.with_tables(Database(server.database()))
        try:
            rush(database, devices=200, most=7, threads=12)
        finally:
            database.close()


def test_the_table_itself_refuses_one_more(tmp_path):
    story = RolloutStory(tmp_path, devices=2)
    story.create(max_in_flight=1)
    story.claim("cam-0")
    one_more = update(rollouts).values(in_flight=rollouts.c.in_flight + 1)
    with pytest.raises(IntegrityError, match="in_flight"), story.database.begin() as connection:
        connection.execute(one_more)
    assert story.show().in_flight == 1
