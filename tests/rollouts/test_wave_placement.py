import hashlib

from hypothesis import given
from hypothesis import strategies as st
from support.fleet import make_plan

from ota_server.rollouts.waves import bucket, place, place_one, rollout_salt

fleets = st.sets(st.integers(0, 10_000), max_size=200).map(lambda ns: [f"cam-{n}" for n in sorted(ns)])
salts = st.text("0123456789abcdef", min_size=1, max_size=32)


def test_a_bucket_is_what_the_documentation_says():
    digest = hashlib.sha256(b"salt:cam-1").digest()
    assert bucket("salt", "cam-1") == int.from_bytes(digest[:4], "big") % 10_000


def test_shares_come_out_about_right():
    plan = make_plan("5%", "25%", "rest")
    waves = list(place(plan, "salt", [f"cam-{n}" for n in range(10_000)]).values())
    assert 400 < waves.count(1) < 600
    assert 1_800 < waves.count(2) < 2_200
    assert len(waves) == 10_000


@given(fleets, salts)
def test_a_larger_share_takes_all_that_a_smaller_one_takes(fleet, salt):
    def first_wave(share):
        return {name for name, wave in place(make_plan(share, "rest"), salt, fleet).items() if wave == 1}

    assert first_wave("5%") <= first_wave("30%") <= first_wave("90%")


@given(fleets, salts)
def test_a_device_stays_in_its_wave_whoever_else_is_there(fleet, salt):
    plan = make_plan("20%", "60%", "rest")
    whole = place(plan, salt, fleet)
    half = place(plan, salt, fleet[::2])
    assert all(whole[device_id] == wave for device_id, wave in half.items())


@given(fleets, salts, st.integers(1, 50))
def test_a_number_takes_so_many_or_all_there_are(fleet, salt, number):
    waves = list(place(make_plan(str(number), "rest"), salt, fleet).values())
    assert waves.count(1) == min(number, len(fleet))
    assert len(waves) == len(fleet)


def test_a_named_device_goes_where_it_is_named_and_nowhere_else():
    placed = place(make_plan("100", "devices:cam-1,cam-9"), "salt", ["cam-1", "cam-2"])
    assert placed == {"cam-1": 2, "cam-2": 1}


def test_devices_that_no_wave_takes_are_left_out():
    placed = place(make_plan("50%"), "salt", [f"cam-{n}" for n in range(100)])
    assert 0 < len(placed) < 100


def test_two_rollouts_do_not_begin_with_the_same_devices():
    fleet = [f"cam-{n}" for n in range(1000)]
    first, second = (
        {
            n
            for n, wave in place(make_plan("5%", "rest"), rollout_salt("cam", name), fleet).items()
            if wave == 1
        }
        for name in ("spring", "summer")
    )
    assert len(first & second) < 20


@given(fleets, salts, st.integers(1, 3))
def test_one_that_comes_late_goes_into_its_own_wave_or_the_open_one(fleet, salt, current):
    plan = make_plan("20%", "60%", "rest")
    for device_id, wave in place(plan, salt, fleet).items():
        late = place_one(plan, salt, device_id, current=current, members=[0, 0, 0])
        assert late == max(wave, current)


def test_one_that_comes_late_finds_a_number_that_is_full_or_over():
    plan = make_plan("2", "3")
    assert place_one(plan, "salt", "cam-1", current=1, members=[1, 3]) == 1
    assert place_one(plan, "salt", "cam-1", current=2, members=[1, 2]) == 2
    assert place_one(plan, "salt", "cam-1", current=2, members=[1, 3]) is None
