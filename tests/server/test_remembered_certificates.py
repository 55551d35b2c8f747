import pytest

from ota_server.devices import remembered as module
from ota_server.devices.remembered import remembered


def test_a_content_is_examined_once_and_a_flood_of_others_forgets_it_at_last(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 3)
    examined = []
    ask = remembered(lambda content: examined.append(content) or len(content))
    assert [ask(b"ab"), ask(b"ab")] == [2, 2]
    for number in range(4):
        ask(b"ab")
        ask(b"x%d" % number)
    assert examined.count(b"ab") == 1
    for number in range(10):
        ask(b"y%d" % number)
    ask(b"ab")
    assert examined.count(b"ab") == 2


def test_a_refusal_is_not_remembered():
    answers = [ValueError("no"), None]

    def examine(_):
        if answer := answers.pop(0):
            raise answer
        return 7

    ask = remembered(examine)
    with pytest.raises(ValueError, match="no"):
        ask(b"a")
    assert ask(b"a") == 7
