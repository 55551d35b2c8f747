"""``ota-server simulate``: what it asks for before it begins, and how it tells."""

import json

import pytest
from click.testing import CliRunner

from ota_server.cli import main
from ota_server.simulate import run
from ota_server.simulate.summary import Summary
from ota_server.simulate.tally import Standing, Tally

TOKEN = {"OTA_SERVER_SIMULATE_TOKEN": "secret-token"}
URL = ("--url", "https://localhost:1")


def simulate(*arguments, env=None):
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)], env=env or {})


@pytest.fixture
def simulated(monkeypatch):
    """No devices: what the command would have started, and a summary of nothing."""
    asked = []

    def pretend(target, plan, behaviour, *, verify_all, on_sample):
        asked.append((target, plan, behaviour))
        tally = Tally()
        tally.move(None, Standing.WAITING)
        sample = tally.sample(1.0, None)
        on_sample(sample)
        return Summary(tally, (sample,), verified=0)

    monkeypatch.setattr(run, "simulate", pretend)
    return asked


@pytest.mark.parametrize(
    "arguments", [(), (*URL, "--through-proxy-socket", "s"), (*URL, "--own-server")]
)
def test_it_is_told_where_the_server_is_in_one_way(arguments):
    done = simulate(*arguments, env=TOKEN)
    assert done.exit_code == 2
    assert "expected" in done.stderr


def test_without_a_token_it_does_not_begin():
    done = simulate(*URL)
    assert done.exit_code == 2
    assert "--token-file or OTA_SERVER_SIMULATE_TOKEN" in done.stderr
    assert "Traceback" not in done.output


def test_the_token_comes_from_a_file_or_a_variable(simulated, tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    assert simulate(*URL, "--token-file", tmp_path / "token", env=TOKEN).exit_code == 0
    assert simulate(*URL, env=TOKEN).exit_code == 0
    assert [target.token for target, _, _ in simulated] == ["from-a-file", "secret-token"]


@pytest.mark.parametrize("text", ["3%", "0.03"])
def test_a_share_is_a_percentage_or_a_number(simulated, text):
    simulate(*URL, "--failure-share", text, env=TOKEN)
    assert simulated[0][2].failure_share == pytest.approx(0.03)


@pytest.mark.parametrize("text", ["3", "-1%", "101%", "nan", "many"])
def test_what_is_no_share_is_refused(text):
    done = simulate(*URL, "--failure-share", text, env=TOKEN)
    assert done.exit_code == 2
    assert "expected a share such as 3% or 0.03" in done.stderr


def test_ids_begin_with_a_name(simulated):
    assert simulate(*URL, "--prefix", "Sim/", env=TOKEN).exit_code == 2
    assert simulate(*URL, env=TOKEN).exit_code == 0
    assert simulated[0][1].prefix.startswith("sim-")


def test_a_plot_is_not_overwritten_unless_asked(simulated, tmp_path):
    plot = tmp_path / "plot.svg"
    plot.write_text("mine")
    assert simulate(*URL, "--plot", plot, env=TOKEN).exit_code == 2
    assert not simulated
    assert plot.read_text() == "mine"
    assert simulate(*URL, "--plot", plot, "--force", env=TOKEN).exit_code == 0
    assert plot.read_text().startswith("<svg")


def test_a_plot_without_a_folder_is_refused_before_the_devices_begin(simulated, tmp_path):
    assert simulate(*URL, "--plot", tmp_path / "no" / "plot.svg", env=TOKEN).exit_code == 2
    assert not simulated


def test_json_is_a_line_a_sample_and_the_summary_last(simulated):
    done = simulate(*URL, "--json", env=TOKEN)
    *samples, last = map(json.loads, done.stdout.splitlines())
    assert [sample["sample"]["devices"] for sample in samples] == [{"waiting": 1}]
    assert last["summary"]["devices"]["waiting"] == 1
    assert "1 waiting" in done.stderr
    assert "1 device has enrolled" in done.stderr


def test_progress_is_told_when_asked_for(simulated):
    assert "1 s  1 waiting" in simulate(*URL, "--progress", env=TOKEN).stderr
    assert "1 s  1 waiting" not in simulate(*URL, env=TOKEN).stderr
