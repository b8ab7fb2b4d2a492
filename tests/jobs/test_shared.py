"""A batch in PostgreSQL, which any machine may go on with."""

from __future__ import annotations

import asyncio
import pickle
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from background import settled
from postgres import Server

import skytells_nb as sky
from skytells_nb.api import Account, Observer
from skytells_nb.api._pending import CreateRegistry
from skytells_nb.archive import Archive
from skytells_nb.exceptions import (
    AuthenticationError,
    InvalidInputError,
    SkytellsError,
    SkytellsWarning,
)
from skytells_nb.jobs import BatchResult, _runner, _shared_journal, abatch, batch, batches
from skytells_nb.jobs._postgres import Address, Postgres
from skytells_nb.jobs._shared_journal import SharedJournal

from .conftest import INPUTS, MANY, TEXTER, statuses
from .test_inputs import read
from .test_stopping import wait_until

pytest_plugins = ["postgres"]
pytestmark = pytest.mark.usefixtures("soon")


@contextmanager
def another_machine(sandbox: sky.Sandbox, folder: Path) -> Iterator[sky.Client]:
    """A client that shares nothing with those here but the account."""
    with Archive(folder) as archive, sandbox.client(archive=archive) as client:
        client.connection.creates = CreateRegistry()
        yield client


def ids(made: sky.PredictionList) -> list[str]:
    return [prediction.id for prediction in made]


def execute(journal: str, query: str, *values: Any) -> list[Any]:
    """Do what no worker would, or look at what it did."""
    with psycopg.connect(journal, autocommit=True) as db:
        cursor = db.execute(query, values)  # type: ignore[arg-type,unused-ignore]
        return cursor.fetchall() if cursor.description else []


def leave(journal: str, client: sky.Client, inputs: list[str], state: str, *places: int, **more: Any) -> None:
    """Leave a batch as a worker does that died, with some items in one state and their leases run out."""
    address, account = Address(journal), client.connection.account
    shared = SharedJournal(address, account, timeout=1.0, claims=1, name="night", model=TEXTER)
    shared.open(read(inputs, model=TEXTER))
    talk = client.connection
    since = talk.earliest(talk.now(), talk.wall()) - timedelta(seconds=2)
    values = {"since": (since - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1), **more}
    for name, value in values.items():
        execute(journal, f"UPDATE jobs_items SET {name} = %s WHERE position = ANY(%s)", value, list(places))
    execute(
        journal,
        "UPDATE jobs_items SET state = %s, worker = 'dead', until = now() - interval '1 s' "
        "WHERE position = ANY(%s)",
        state,
        list(places),
    )
    shared.release()


class TestGoingOn:
    def test_any_machine_goes_on_with_it_by_its_name(
        self, night, journal, sandbox, client, tmp_path, creates, monkeypatch
    ):
        made = night(INPUTS)
        assert statuses(made) == ["succeeded"] * 4
        assert [prediction.prompt for prediction in made] == INPUTS
        with another_machine(sandbox, tmp_path / "there") as there:
            told = night(client=there)
        assert ids(told) == ids(made)
        assert [p.cost for p in told] == [p.cost for p in made]
        assert told[0].error == "It was made by another worker, in whose archive its files are."
        assert creates() == 4
        monkeypatch.setattr(_shared_journal, "HEAVY", 0)  # pictures are reported some megabytes at a time
        account = client.connection.account
        shared = SharedJournal(Address(journal), account, timeout=1.0, claims=1, name="night", model=TEXTER)
        shared.open()
        pages = [shared.take(more=False) or [] for _ in range(5)]
        shared.release()
        assert [[item.row.id for item in page] for page in pages] == [*([each] for each in ids(made)), []]

    def test_inputs_can_be_added_and_results_come_in_the_order_of_those_given(self, night, creates):
        first = night(INPUTS)
        more = night(["a wolf", *INPUTS[:2]])
        assert ids(more)[1:] == ids(first)[:2]
        assert [prediction.prompt for prediction in night()] == [*INPUTS, "a wolf"]
        assert creates() == 5

    def test_without_a_name_it_is_known_by_its_model_and_inputs(self, night, creates):
        assert ids(night(INPUTS, name=None)) == ids(night(INPUTS, name=None))
        assert creates() == 4

    def test_several_at_once_share_the_work(self, night, journal, sandbox, tmp_path):
        """Also where the database's default is to see nothing of what others write meanwhile."""
        alone = "ALTER ROLE tests IN DATABASE postgres {} default_transaction_isolation {}"
        execute(journal, alone.format("SET", "= 'serializable'"))
        made: list[BatchResult] = []
        with another_machine(sandbox, tmp_path / "there") as there, ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(night, MANY, limit=3), pool.submit(night, MANY, limit=3, client=there)]
            made = [run.result() for run in runs]
        execute(journal, alone.format("RESET", ""))
        assert ids(made[0]) == ids(made[1])
        assert len(set(ids(made[0]))) == len(MANY) == sandbox.billed
        assert statuses(made[0]) == ["succeeded"] * len(MANY)

    def test_those_that_share_an_archive_have_the_files_of_what_another_made(self, night, sandbox, tmp_path):
        place = (tmp_path / "shared").as_uri()
        archives = [Archive(place, cache=tmp_path / name) for name in ("here", "there")]
        clients = [sandbox.client(archive=archive) for archive in archives]
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(night, MANY, limit=3, client=client) for client in clients]
            made = [run.result() for run in runs]
        assert sandbox.billed == len(MANY)
        for each in made:
            assert [p.files[0].read_text("utf-8") for p in each] == [p.output[0] for p in each]
        assert [len(archive) for archive in archives] == [len(MANY)] * 2
        for each in (*clients, *archives):
            each.close()

    def test_what_failed_stays_so_until_it_is_to_be_tried_again(self, night, sandbox, creates):
        sandbox.faults.next("failed", after=1)
        sandbox.faults.next("content_policy", after=2)
        first = night(INPUTS, limit=1)
        assert statuses(first) == ["succeeded", "failed", "failed", "succeeded"]
        assert [p.error for p in night()] == [p.error for p in first]
        assert creates() == 4
        assert statuses(night(retry_failed=True)) == ["succeeded"] * 4
        assert creates() == 6

    def test_what_it_gives_up_waiting_for_keeps_it_no_longer(self, night, archive):
        with sky.Sandbox(seconds=0.3) as slow, slow.client(archive=archive) as client:
            for route in ("read", "list"):
                slow.faults.always("unauthorized", on=route)
            assert statuses(night(INPUTS[:1], client=client)) == ["processing"]
            slow.faults.clear()
            assert statuses(night(client=client)) == ["succeeded"]
            assert slow.billed == 1

    @pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
    def test_a_text_that_may_have_been_written_is_in_doubt_and_keeps_nobody(self, journal, sandbox, client):
        sandbox.faults.next("drop_after", on="chat")
        made = batch("gpt-5", INPUTS[:2], name="words", journal=journal, client=client, limit=1)
        assert statuses(made) == ["failed", "succeeded"]
        assert made[0].id == "uncertain-0"

    def test_a_rate_limit_slows_it_and_fails_nothing(self, night, sandbox):
        sandbox.faults.next("rate_limit", on="create", times=9, retry_after=0.02)
        assert statuses(night(INPUTS)) == ["succeeded"] * 4
        assert sandbox.billed == 4

    def test_what_was_made_of_equal_inputs_is_taken_from_the_archive_once(self, night, client, creates):
        made = client.predictions.create(TEXTER, {"prompt": "a fox"})
        again = night(INPUTS, reuse=True)
        assert [p.reused for p in again] == [True, False, False, False]
        assert again[0].id == made.id
        assert creates() == 4
        assert ids(night()) == ids(again)

    def test_it_can_be_awaited(self, journal, sandbox, archive):
        async def main() -> BatchResult:
            async with sandbox.async_client(archive=archive) as client:
                await abatch(TEXTER, INPUTS, name="night", journal=journal, client=client)
                return await abatch(name="night", journal=journal, client=client)

        assert statuses(asyncio.run(main())) == ["succeeded"] * 4

    def test_text_that_no_database_holds_is_sent_as_it_is(self, night, sandbox):
        odd = ["a\0fox", "half a \ud83d fox"]
        made = night([{"prompt": odd[0]}])
        assert made[0].prompt == odd[0]
        assert sandbox.predictions[0]["input"]["prompt"] == odd[0]


class TestTheDead:
    def test_what_was_only_claimed_is_made_by_another(self, night, journal, client, creates):
        leave(journal, client, INPUTS, "claimed", 0, 3)
        assert statuses(night()) == ["succeeded"] * 4
        assert creates() == 4

    def test_what_was_under_way_is_followed_by_its_id(self, night, journal, client, sandbox, tmp_path):
        with another_machine(sandbox, tmp_path / "dead") as dead:
            made = dead.predictions.create(TEXTER, {"prompt": "an owl"}, wait=False)
        leave(journal, client, INPUTS, "running", 1, id=made.id)
        again = night()
        assert again[1].id == made.id
        assert sandbox.billed == 4

    def test_what_was_sent_is_found_in_the_listing_by_one_and_never_twice(
        self, night, journal, client, sandbox, tmp_path
    ):
        leave(journal, client, INPUTS, "sent", 0, 2)
        with another_machine(sandbox, tmp_path / "dead") as dead:
            made = {dead.predictions.create(TEXTER, {"prompt": "a fox"}).id for _ in range(2)}
        with another_machine(sandbox, tmp_path / "there") as there, ThreadPoolExecutor(2) as pool:
            for run in [pool.submit(night), pool.submit(night, client=there)]:
                again = run.result()
                assert {again[0].id, again[2].id} == made
        assert sandbox.billed == 4

    @pytest.mark.parametrize("minutes", [-10, 10])
    def test_clocks_that_differ_by_minutes_cost_nothing(
        self, night, journal, client, sandbox, tmp_path, minutes
    ):
        client.models.get(TEXTER)
        client.connection.wall = lambda: datetime.now(UTC) + timedelta(minutes=minutes)
        leave(journal, client, INPUTS, "sent", 1)
        with another_machine(sandbox, tmp_path / "dead") as dead:
            made = dead.predictions.create(TEXTER, {"prompt": "an owl"})
        with another_machine(sandbox, tmp_path / "there") as there:
            there.connection.wall = lambda: datetime.now(UTC) - timedelta(minutes=minutes)
            assert night(client=there)[1].id == made.id
        assert sandbox.billed == 4

    def test_what_is_not_found_stays_uncertain_until_the_user_says_so(self, night, journal, client, creates):
        leave(journal, client, INPUTS, "sent", 1)
        for _ in range(2):
            made = night()
            assert (made[1].id, made[1].status) == ("uncertain-1", "failed")
            assert "retry_uncertain=True" in made[1].error
        assert creates() == 3
        assert [b.uncertain for b in batches(journal=journal)] == [1]
        assert statuses(night(retry_uncertain=True)) == ["succeeded"] * 4
        assert creates() == 4

    def test_the_users_word_is_about_earlier_runs_alone(self, night, journal, client, creates):
        """A worker that dies during this run leaves a doubt that nobody has spoken about."""
        leave(journal, client, INPUTS, "sent", 1)
        execute(journal, "UPDATE jobs_items SET until = now() + interval '1 s' WHERE position = 1")
        assert night(retry_uncertain=True)[1].id == "uncertain-1"
        assert creates() == 3

    def test_a_worker_whose_lease_ran_out_sends_nothing(self, night, journal, client, creates, monkeypatch):
        """As after a computer's sleep: another has its items by then."""
        monkeypatch.setattr(_runner, "_PULSE", 60.0)

        class Sleep(Observer):
            done = False

            async def created(self, account: Account, ticket: object, prediction: Any) -> None:
                if not self.done:
                    self.done = True
                    execute(
                        journal,
                        "UPDATE jobs_items SET worker = 'other', state = 'claimed', until = now() + "
                        "interval '0.5 s' WHERE state = 'claimed' OR position = 3",
                    )

        sleep = Sleep()
        client.connection.observers.append(sleep)
        made = night(INPUTS, limit=2)
        assert statuses(made) == ["succeeded"] * 4
        assert creates() == 4

    def test_an_id_that_was_taken_by_mistake_is_given_back(self, journal, client):
        leave(journal, client, INPUTS, "sent", 0)
        address, account = Address(journal), client.connection.account
        looker, maker = (
            SharedJournal(address, account, timeout=1.0, claims=2, name="night", model=TEXTER) for _ in "12"
        )
        looker.open()
        maker.open()
        (lost,) = [item for item in looker.take(more=True) or [] if item.row is not None]
        own = next(item for item in maker.take(more=True) or [] if item.key[0] == lost.key[0])
        assert maker.sent(own.key, datetime.now(UTC)).refused is None
        assert looker.found(lost.key, "p1").refused is None
        maker.running(own.key, "p1")
        maker.flush()
        looker.ended(lost.key, sky.Prediction(id="p1", status="succeeded", cost=Decimal(1)))
        looker.flush()
        rows = execute(
            journal, "SELECT number, state, id FROM jobs_items WHERE digest = %s ORDER BY 1", own.key[0]
        )
        assert rows == [(0, "sent", None), (1, "running", "p1")]
        assert looker.found(lost.key, "p1").refused == "taken"
        for each in (looker, maker):
            each.release()

    def test_what_a_dead_looker_locked_is_free_again(self, journal, client):
        leave(journal, client, INPUTS, "sent", 0)
        address, account = Address(journal), client.connection.account
        one, other = (
            SharedJournal(address, account, timeout=1.0, claims=2, name="night", model=TEXTER) for _ in "12"
        )
        one.begin_look()
        waiting = threading.Thread(target=other.begin_look)
        waiting.start()
        execute(
            journal,
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        waiting.join(30)
        assert not waiting.is_alive()
        other.end_look()
        one.end_look()


class TestBudgets:
    def test_it_is_one_wall_for_all_workers(self, night, sandbox, tmp_path, journal, client):
        small = [{"prompt": each, "width": 64, "height": 64} for each in MANY[:9]]  # a cent each

        def run(machine: sky.Client, budget: str | None) -> BatchResult:
            return batch(
                "truefusion-edge",
                small,
                name="night",
                journal=journal,
                client=machine,
                budget=budget,
                limit=3,
            )

        with another_machine(sandbox, tmp_path / "there") as there, ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(run, machine, "0.05") for machine in (client, there)]
            with pytest.warns(SkytellsWarning, match="not sent"):
                made = [each.result() for each in runs]
        assert sandbox.billed == 5
        assert {"succeeded", "not_sent"} <= set(statuses(made[0]))
        assert execute(journal, "SELECT paid, reserved FROM jobs_batches") == [(Decimal("0.05"), 0)]
        with pytest.warns(SkytellsWarning, match="budget has 0 credits left"):
            run(client, None)
        assert sandbox.billed == 5, "it holds until another is given"
        assert statuses(run(client, "0.20")) == ["succeeded"] * 9

    def test_it_is_told_what_is_left(self, night, client, journal):
        with pytest.warns(SkytellsWarning, match="not sent"):
            made = batch("truefusion-edge", ["a fox"], budget=0, journal=journal, client=client)
        assert made[0].error == "Not sent: The budget has 0 credits left, which does not cover the next one."

    def test_without_a_price_nothing_is_sent(self, journal, client, creates):
        with pytest.warns(SkytellsWarning, match="costs is unknown"):
            batch("truefusion-optima", ["a fox"], budget=1, journal=journal, client=client)
        assert creates() == 0


class TestStopping:
    @pytest.fixture
    def sandbox(self) -> Iterator[sky.Sandbox]:
        with sky.Sandbox(seconds=60) as running:
            yield running

    @pytest.mark.filterwarnings("ignore::skytells_nb.exceptions.SkytellsWarning")
    def test_what_one_has_stopped_all_stop(self, night, sandbox, tmp_path, creates, journal):
        with another_machine(sandbox, tmp_path / "there") as there, ThreadPoolExecutor(1) as pool:
            other = pool.submit(night, MANY, limit=3, client=there)
            wait_until(lambda: creates() == 3)

            def stop() -> None:
                wait_until(lambda: creates() == 6)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

            pressed = threading.Thread(target=stop)
            pressed.start()
            with pytest.raises(KeyboardInterrupt):
                night(MANY, limit=3)
            pressed.join()
            told = other.result()
            wait_until(lambda: {p["status"] for p in sandbox.predictions} == {"cancelled"})
            assert settled(5)
        assert creates() == 6
        assert sandbox.billed == 0
        assert statuses(told).count("not_sent") >= len(MANY) - 6
        assert "It was stopped by process" in next(p.error for p in told if p.status == "not_sent")


class TestADatabaseThatGoesAway:
    @pytest.fixture
    def server(self, postgres: Server) -> Iterator[Server]:
        yield postgres
        postgres.start()

    def test_the_batch_waits_for_it_and_goes_on(self, server, client, sandbox):
        journal = server.new_schema()

        class Restart(Observer):
            after = 10

            async def created(self, account: Account, ticket: object, prediction: Any) -> None:
                self.after -= 1
                if not self.after:
                    server.stop()
                    threading.Timer(0.3, server.start).start()

        client.connection.observers.append(Restart())
        made = batch(TEXTER, MANY, name="night", journal=journal, client=client)
        assert statuses(made) == ["succeeded"] * len(MANY)
        assert sandbox.billed == len(MANY)
        assert [(b.succeeded, b.uncertain) for b in batches(journal=journal)] == [(len(MANY), 0)]

    def test_a_transaction_is_done_once_though_its_connection_breaks_at_the_commit(self, journal):
        database = Postgres(Address(journal))
        database.run(lambda db: db.execute("CREATE TABLE foxes (n INT)"))
        tries: list[int] = []

        class Breaks:
            """A connection whose answer to a commit is lost."""

            def __init__(self, inner: Any) -> None:
                self._inner = inner

            def __getattr__(self, name: str) -> Any:
                return getattr(self._inner, name)

            @contextmanager
            def transaction(self) -> Iterator[Any]:
                with self._inner.transaction() as made:
                    yield made
                if len(tries) == 1:
                    self._inner.close()
                    raise psycopg.OperationalError("the connection is lost")

        database._connection = Breaks(database._connection)  # type: ignore[assignment]

        def insert(db: Any) -> str:
            tries.append(1)
            db.execute("INSERT INTO foxes VALUES (1)")
            return "done"

        assert database.run(insert) == "done"
        assert execute(journal, "SELECT count(*) FROM foxes") == [(1,)]
        database.close()

    def test_one_that_never_comes_back_stops_it_and_the_next_run_loses_nothing(
        self, server, client, sandbox, monkeypatch
    ):
        from skytells_nb.jobs import _postgres

        monkeypatch.setattr(_postgres, "PATIENCE", 0.3)
        journal = server.new_schema()

        class Stop(Observer):
            async def created(self, account: Account, ticket: object, prediction: Any) -> None:
                server.stop()

        stop = Stop()
        client.connection.observers.append(stop)
        with pytest.raises(SkytellsError, match=r"cannot be reached: .*nothing is paid for twice"):
            batch(TEXTER, INPUTS, name="night", journal=journal, client=client, limit=1)
        assert sandbox.billed == 1
        client.connection.observers.remove(stop)
        server.start()
        made = batch(name="night", journal=journal, client=client)
        assert statuses(made) == ["succeeded"] * 4
        assert sandbox.billed == 4


class TestBadInput:
    def test_a_database_that_is_not_there(self, client, creates, postgres):
        for url, words in (
            ("postgresql://ann:s3cret@127.0.0.1:1/night", "cannot be reached: .*refused.*Start the database"),
            (
                f"{postgres.url}/nowhere".replace("tests@", "tests:s3cret@"),
                'database "nowhere" does not exist',
            ),
        ):
            with pytest.raises(SkytellsError, match=words) as told:
                batch(TEXTER, INPUTS, name="night", journal=url, client=client)
            assert "s3cret" not in str(told.value) + repr(told.value.__dict__)
            with pytest.raises(SkytellsError, match=words):
                batches(journal=url)
        assert creates() == 0

    @pytest.mark.parametrize(
        ("version", "words"), [(0, "format 0, which .* cannot read"), (2, "newer version")]
    )
    def test_a_journal_of_another_version_is_left_as_it_is(self, night, journal, creates, version, words):
        night(INPUTS[:1])
        execute(journal, "UPDATE jobs_journal SET version = %s", version)
        with pytest.raises(SkytellsError, match=words):
            night(INPUTS)
        with pytest.raises(SkytellsError, match=words):
            batches(journal=journal)
        assert creates() == 1

    def test_tables_of_another_kind_are_left_as_they_are(self, night, journal, creates):
        execute(journal, "CREATE TABLE jobs_items (owl INT)")
        with pytest.raises(SkytellsError, match="use another database or schema"):
            night(INPUTS)
        assert creates() == 0

    def test_one_that_is_deleted_while_it_runs_is_an_error(self, night, journal, client, creates):
        class Delete(Observer):
            async def created(self, account: Account, ticket: object, prediction: Any) -> None:
                execute(journal, "DELETE FROM jobs_batches")

        client.connection.observers.append(Delete())
        with pytest.raises(SkytellsError, match="was deleted from its journal"):
            night(INPUTS, limit=1)
        assert creates() == 1

    @pytest.mark.parametrize("inputs", [None, INPUTS])
    def test_another_key_is_refused(self, night, sandbox, archive, creates, inputs):
        night(INPUTS)
        with sky.Client("sk-of-somebody-else", base_url=sandbox.url, archive=archive) as other:
            with pytest.raises(AuthenticationError, match="begun with another key"):
                night(inputs, client=other)
            assert statuses(night(INPUTS[:1], name="other", client=other)) == ["succeeded"]
        assert creates() == 5

    def test_a_rehearsal_elsewhere_is_another_batch(self, night, sandbox, archive):
        with sky.Sandbox(seconds=0) as rehearsal, rehearsal.client(archive=archive) as client:
            night(INPUTS, client=client)
            with pytest.raises(
                InvalidInputError, match=r"belongs to http://127.0.0.1:\d+/v1, and this client"
            ):
                night()
        assert statuses(night(INPUTS)) == ["succeeded"] * 4
        assert sandbox.billed == 4

    def test_a_name_that_is_not_there(self, night, creates):
        night(INPUTS)
        with pytest.raises(
            InvalidInputError, match=r"There is no batch 'nigt' in the journal .*mean 'night'"
        ):
            night(name="nigt")
        assert creates() == 4

    def test_a_name_belongs_to_one_model(self, night, client, journal, creates):
        night(INPUTS)
        for inputs in (INPUTS, None):
            with pytest.raises(
                InvalidInputError, match="There is a batch 'night' of 'sandbox-scribe' already"
            ):
                batch("truefusion-edge", inputs, name="night", journal=journal, client=client)
        assert creates() == 4

    @pytest.mark.parametrize("url", ["night.sqlite", "mysql://db/night", 3, "postgresql://db:port/night"])
    def test_what_is_no_postgresql_is_refused(self, client, url):
        with pytest.raises(InvalidInputError, match="journal must be a URL such as"):
            batch(TEXTER, INPUTS, journal=url, client=client)

    def test_what_postgresql_does_not_take_is_told_without_the_password(self, client):
        with pytest.raises(InvalidInputError, match="no URL that PostgreSQL takes") as told:
            batch(TEXTER, INPUTS, journal="postgresql://ann:s3cret@db/night?foxes=3", client=client)
        assert "s3cret" not in str(told.value)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"name": "night"}, "nothing to run"),
            ({"journal": "postgresql://db/night"}, "nothing to run"),
            ({"inputs": INPUTS}, "model must be"),
            (
                {"model": TEXTER, "inputs": INPUTS, "executor": ThreadPoolExecutor()},
                "executor= needs a journal",
            ),
            ({"name": "night", "journal": "postgresql://db/x", "executor": 3}, "executor must be"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, client, options, words):
        with pytest.raises(InvalidInputError, match=words):
            batch(client=client, **options)

    def test_an_address_shows_its_password_to_nobody(self):
        address = Address.of("postgresql://ann:s3cret@db:5433/night?sslmode=require")
        assert (str(address), repr(address)) == (
            "postgresql://db:5433/night",
            "Address('postgresql://db:5433/night')",
        )
        assert pickle.loads(pickle.dumps(address)).reveal() == address.reveal()
        assert Address.of("postgresql+psycopg://db/night").reveal() == "postgresql://db/night"
        with pytest.raises(InvalidInputError, match=r"not 'host=db password=…'"):
            Address.of("host=db password=s3cret")


class TestOverview:
    def test_progress_is_seen_from_anywhere(self, night, journal, client, sandbox):
        assert batches(journal=journal) == []
        client.models.list()
        leave(journal, client, INPUTS, "sent", 0)
        execute(
            journal, "UPDATE jobs_items SET state = 'sent', until = now() + interval '1 h' WHERE position = 1"
        )
        (state,) = batches(journal=journal)
        assert (state.name, state.model, state.origin, state.total) == ("night", TEXTER, sandbox.url, 4)
        assert (state.uncertain, state.running, state.waiting) == (1, 1, 2)
        execute(journal, "UPDATE jobs_items SET until = now() WHERE position = 1")
        made = night()
        (state,) = batches(journal=journal)
        assert state.cost == sum(p.cost for p in made if p.cost is not None)
        assert (state.succeeded, state.uncertain, state.sandbox) == (2, 2, True)
