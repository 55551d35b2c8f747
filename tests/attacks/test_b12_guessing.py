"""B12: passwords and links cannot be guessed, and guessing tells nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, select
from support.people import (
    NOW,
    PASSWORD,
    RULES,
    enter,
    invited,
    known,
    member,
    open_house,
    quick_passwords,
)

from ota_server.database.operators_schema import operators, sessions
from ota_server.errors import NotFoundError, SignInError
from ota_server.operators import account_changes, invitation
from ota_server.operators.password import Passwords
from ota_server.operators.sign_in import LockRules

SECOND = timedelta(seconds=1)
MOST = RULES.locks.after


@pytest.fixture
def database(tmp_path):
    database = open_house(tmp_path, mia="admin", ole="viewer", root="admin")
    yield database
    database.close()


def refusal(database, name, password, now=NOW, passwords=None):
    with pytest.raises(SignInError) as e:
        enter(database, name, password, now=now, passwords=passwords)
    return str(e.value)


def guess(database, times, now=NOW):
    for number in range(times):
        refusal(database, "mia", f"guess {number}", now)


def test_b12_after_so_many_guesses_the_right_password_is_refused_too(database):
    guess(database, MOST)
    refusal(database, "mia", PASSWORD)
    refusal(database, "mia", PASSWORD, NOW + RULES.locks.lock - SECOND)
    enter(database, "mia", now=NOW + RULES.locks.lock)


def test_b12_the_lock_doubles_for_who_goes_on(database):
    guess(database, MOST)
    later = NOW + RULES.locks.lock
    guess(database, 1, later)
    refusal(database, "mia", PASSWORD, later + 2 * RULES.locks.lock - SECOND)
    enter(database, "mia", now=later + 2 * RULES.locks.lock)


def test_b12_guesses_while_locked_do_not_prolong_the_lock(database):
    guess(database, MOST)
    guess(database, 20, NOW + SECOND)
    enter(database, "mia", now=NOW + RULES.locks.lock)


def test_b12_a_year_of_guessing_tries_fewer_than_four_hundred(database):
    rules, now, tries = LockRules(), NOW, 0
    while now < NOW + timedelta(days=365):
        tries += 1
        now += max(rules.locked_for(tries), SECOND)
    assert tries < 400


def test_b12_guesses_that_come_all_at_once_count_each(database):
    """Each counts before it is looked at: no more than the lock allows are compared at all."""
    compared = []
    quick = quick_passwords()

    class Watched:
        is_outdated = quick.is_outdated

        def matches(self, kept, password):
            compared.append(bool(kept))
            return quick.matches(kept, password)

    def one(number):
        refusal(database, "mia", f"guess {number}", passwords=Watched())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert compared.count(True) == MOST
    assert len(compared) == 12


def test_b12_one_account_s_lock_is_no_other_s(database):
    guess(database, MOST + 1)
    enter(database, "ole")


def states(database):
    """Every way in which nobody signs in, each with what was done for it."""
    member(database, "locked", "viewer")
    for _ in range(MOST):
        refusal(database, "locked", "wrong")
    member(database, "gone", "viewer")
    with database.begin() as connection:
        account_changes.disable(connection, known(database, "gone").id)
    invited(database, "new", "viewer")
    return ["mia", "nobody", "NOT A NAME", "locked", "gone", "new"]


def kind(cursor, statement):
    """What was done, and of a change how many rows it wrote: a disk that is waited for tells, too."""
    verb = statement.split()[0]
    return verb, cursor.rowcount if verb == "UPDATE" else None


class Noting(PasswordHasher):
    """As little work as argon2 allows, and each comparison is noted: it is what takes long."""

    def __init__(self, done):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.done = done

    def verify(self, *kept_and_password):
        self.done.append("verify")
        return super().verify(*kept_and_password)


def test_b12_an_unknown_name_and_a_locked_account_take_the_same_work_as_a_wrong_password(database):
    work = {}
    for name in states(database):
        done = []

        def note(*args, done=done):
            done.append(kind(*args[1:3]))

        event.listen(database.engine, "after_cursor_execute", note)
        sentence = refusal(database, name, "wrong", passwords=Passwords(Noting(done)))
        event.remove(database.engine, "after_cursor_execute", note)
        work[name] = (sentence, done)
    assert len({sentence for sentence, _ in work.values()}) == 1
    assert all(done == work["mia"][1] for _, done in work.values()), work
    assert work["mia"][1].count(("UPDATE", 1)) == work["mia"][1].count("verify") == 1


def test_b12_what_is_compared_with_for_nobody_costs_as_much_as_what_is_kept():
    quick = quick_passwords()
    assert not quick.is_outdated(quick._decoy)


def test_b12_neither_a_refusal_nor_a_log_has_the_password(database, caplog):
    secret = "hunter2 hunter2 hunter2"
    sentences = [refusal(database, name, secret) for name in ("mia", "nobody", secret)]
    assert not any("hunter2" in text for text in (*sentences, caplog.text))
    assert "sign-in refused for 'mia'" in caplog.text


def test_b12_passwords_and_sessions_are_kept_as_hashes_alone(database):
    token = enter(database, "mia")
    with database.read() as connection:
        rows = str([*connection.execute(select(operators)), *connection.execute(select(sessions))])
    assert PASSWORD not in rows
    assert token not in rows
    assert "$argon2id$" in rows


def test_b12_a_link_has_256_random_bits_and_is_no_other_s(database):
    codes = {invited(database, f"new-{n}", "viewer") for n in range(5)}
    assert len(codes) == 5
    assert all(len(code) == len("ratl_") + 43 for code in codes)
    for wrong in ("", "ratl_", next(iter(codes))[:-1], "\ud800"):
        with pytest.raises(NotFoundError):
            invitation.accept(
                database, quick_passwords(), wrong, PASSWORD, rules=RULES.sessions, now=NOW
            )
