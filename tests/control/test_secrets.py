"""What people do with Secrets, and what deploys and containers get of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.control.audit import Auditor
from homeport.errors import AlreadyExistsError, Error, ExecutionError, InvalidError, NotFoundError
from homeport.manifest.schema import SecretRef
from homeport.manifest.variables import secret_problem
from homeport.ports import ContainerSpec
from homeport.store.audit import Audit
from homeport.store.journal import SqlJournal

from .plant import Plant, running

VALUE = "correct-horse-battery"


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """One that is not running: for what needs no container."""
    return Plant(tmp_path)


def make(plant: Plant, name: str = "api", **values: str) -> str:
    return str(plant.secrets.create(name, "main", values or {"TOKEN": VALUE}, overwrite=False, actor="ann")["secret_id"])


def specs(plant: Plant) -> list[ContainerSpec]:
    return [container.spec for container in plant.engine.containers.values()]


def ref(secret_id: str, name: str = "api", *keys: str) -> SecretRef:
    return SecretRef(secret_id, name, keys)


def test_a_secret_is_listed_by_name_and_keys_and_never_by_value(plant: Plant) -> None:
    make(plant, "zeta", B="2", A=VALUE)
    make(plant)
    lines = plant.secrets.lines("main")
    assert [(line["name"], line["keys"], line["created_by"]) for line in lines] == [
        ("api", ["TOKEN"], "ann"),
        ("zeta", ["A", "B"], "ann"),
    ]
    assert VALUE not in str(lines)


def test_a_name_means_one_secret_in_each_environment(plant: Plant) -> None:
    plant.environments.create("dev", None, "ann")
    here = make(plant)
    there = plant.secrets.create("api", "dev", {"TOKEN": "dev"}, overwrite=False, actor="ann")["secret_id"]
    assert here != there
    assert plant.secrets.resolve("api", "dev", ()) == there
    with pytest.raises(NotFoundError, match="no environment 'nowhere'"):
        plant.secrets.lines("nowhere")


def test_one_that_is_there_is_only_replaced_when_that_was_said_and_keeps_its_id(plant: Plant) -> None:
    first = make(plant, OLD="1")
    with pytest.raises(AlreadyExistsError, match="use --force"):
        make(plant)
    again = plant.secrets.create("api", "main", {"NEW": "2"}, overwrite=True, actor="bob")
    assert (again["secret_id"], again["keys"], again["created_by"]) == (first, ["NEW"], "ann")
    assert plant.vault.values([ref(first)]) == {"NEW": "2"}


def test_an_update_merges(plant: Plant) -> None:
    secret_id = make(plant, KEPT="1", CHANGED="2")
    assert plant.secrets.update("api", "main", {"CHANGED": "3", "ADDED": "4"}, "bob")["keys"] == ["ADDED", "CHANGED", "KEPT"]
    assert plant.vault.values([ref(secret_id)]) == {"KEPT": "1", "CHANGED": "3", "ADDED": "4"}


def test_later_secrets_override_earlier_ones(plant: Plant) -> None:
    first, second = make(plant, "one", A="1", B="1"), make(plant, "two", B="2", C="2")
    assert plant.vault.values([ref(first), ref(second)]) == {"A": "1", "B": "2", "C": "2"}
    assert plant.vault.values([ref(second), ref(first)]) == {"A": "1", "B": "1", "C": "2"}
    assert plant.vault.values([]) == {}


def test_one_that_is_missing_is_named_with_what_is_spelled_alike(plant: Plant) -> None:
    make(plant, "api-key")
    with pytest.raises(NotFoundError, match=r"no Secret 'api-kee' in the 'main' environment\. Did you mean api-key"):
        plant.secrets.resolve("api-kee", "main", ())
    with pytest.raises(NotFoundError, match="lacks the required keys A, B;"):
        plant.secrets.resolve("api-key", "main", ("TOKEN", "A", "B"))


def test_equal_values_have_one_id_that_tells_nothing_of_them(plant: Plant) -> None:
    first = plant.secrets.keep({"A": VALUE, "B": "2"}, "main", "ann", dry_run=True)
    assert plant.vault.table.by_id([first]) == {}
    assert plant.secrets.keep({"B": "2", "A": VALUE}, "main", "ann", dry_run=False) == first
    assert plant.secrets.keep({"A": VALUE, "B": "3"}, "main", "ann", dry_run=True) != first
    plant.environments.create("dev", None, "ann")
    assert plant.secrets.keep({"A": VALUE, "B": "2"}, "dev", "ann", dry_run=True) != first
    assert len(first) == len("st-") + 22
    assert first[3:].isalnum()
    assert plant.vault.values([ref(first, "")]) == {"A": VALUE, "B": "2"}
    assert plant.secrets.lines("main") == []


def test_a_rotation_keeps_ids_and_values_and_says_so_in_the_audit(plant: Plant) -> None:
    named, unnamed = make(plant), plant.secrets.keep({"A": "1"}, "main", "ann", dry_run=False)
    done = plant.secrets.rotate_key("bob")
    assert done == {"key_id": plant.vault.table.keyring.current, "secrets": 2}
    assert plant.vault.values([ref(named), ref(unnamed, "")]) == {"TOKEN": VALUE, "A": "1"}
    assert plant.secrets.keep({"A": "1"}, "main", "ann", dry_run=False) == unnamed


def test_the_audit_names_who_and_what_and_no_value(plant: Plant) -> None:
    make(plant)
    plant.secrets.update("api", "main", {"MORE": VALUE}, "bob")
    plant.secrets.delete("api", "main", "eve")
    acts = Auditor(Audit(SqlJournal(plant.database), plant.database), plant.history).acts(10)
    assert [(act["actor"], act["action"], act["environment"], act["object"]) for act in acts] == [
        ("eve", "secret.deleted", "main", "api (MORE, TOKEN)"),
        ("bob", "secret.updated", "main", "api (MORE, TOKEN)"),
        ("ann", "secret.created", "main", "api (TOKEN)"),
    ]
    with plant.database.reading() as connection:
        assert VALUE not in str(connection.exec_driver_sql("SELECT * FROM records").all())


def test_one_that_can_not_be_decrypted_is_named_and_values_at_hand_repair_theirs(plant: Plant, tmp_path: Path) -> None:
    named, unnamed = make(plant), plant.secrets.keep({"A": "1"}, "main", "ann", dry_run=False)
    with plant.database.writing() as connection:
        connection.exec_driver_sql("UPDATE secrets SET key_id = 'gone'")
    with pytest.raises(ExecutionError, match="Secret 'api' can't be read: the key gone"):
        plant.vault.values([ref(named)])
    assert plant.secrets.keep({"A": "1"}, "main", "ann", dry_run=False) == unnamed
    assert plant.vault.values([ref(unnamed, "")]) == {"A": "1"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"1A": "x"}, "'1A' can't be a key of a Secret"),
        ({"": "x"}, "'' can't be a key"),
        ({"A-B": "x"}, "'A-B' can't be a key"),
        ({"Ä": "x"}, "can't be a key"),
        ({"A" * 16_385: "x"}, "too long: at most 16384 characters"),
        ({"A": "x" * 32_769}, "The value of A is too long: at most 32768 characters, not 32769."),
        ({"A": "x\0y"}, "null character"),
        ({"A": "sesame\udcff"}, "The value of A is not UTF-8 text; bytes can be written as base64."),
        ({"A": "\U0001f511" * 32_768}, "at most 128 KiB"),
        ({f"K{n}": "" for n in range(1001)}, "at most 1000 keys"),
        ({f"K{n}": "x" * 32_000 for n in range(40)}, "at most 1 MiB"),
    ],
)
def test_what_is_not_legal_is_refused_in_words_without_the_value(
    plant: Plant, values: dict[str, str], words: str
) -> None:  # fmt: skip
    with pytest.raises(InvalidError) as refused:
        plant.secrets.create("api", "main", values, overwrite=False, actor="ann")
    assert words in refused.value.message
    assert len(refused.value.message) < 200
    assert plant.secrets.lines("main") == []


def test_the_limits_themselves_are_legal() -> None:
    assert secret_problem({"A" * 16_384: "x" * 32_768}) is None
    assert secret_problem({"_a1": "", "B": "\n ='\""}) is None


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), st.text(max_size=20)))
def test_a_problem_never_tells_a_value(values: dict[str, str]) -> None:
    marked = {key: f"{value}-{VALUE}\0" for key, value in values.items()}
    assert VALUE not in (secret_problem(marked) or "")


def test_a_deploy_is_refused_before_anything_is_built_when_a_secret_or_key_is_missing(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with running(tmp_path) as plant:
            there = make(plant)
            said = []
            for wanted in (ref("st-none", "gone"), ref(there, "api", "TOKEN", "MORE"), ref("st-values", "")):
                with pytest.raises(NotFoundError) as refused:
                    await plant.deploy("one", secrets=(wanted,))
                said.append(refused.value.message)
            assert plant.images.built == []
            assert plant.loop.world.apps == {}
            return said

    gone, lacking, values = asyncio.run(run())
    assert gone.startswith("Secret 'gone' is not there (any more); make it with `homeport secret create gone KEY=value`")
    assert lacking.startswith("Secret 'api' lacks the required key MORE;")
    assert values == "A Secret that was made from values is not there (any more); deploy the App again."


def test_a_container_gets_its_secrets_apart_from_the_rest_and_env_wins(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as plant:
            one, two = make(plant, "one", A="1", B="1", C="1", HOMEPORT_GUEST_MODULE="x"), make(plant, "two", B="2")
            await plant.deploy("one", secrets=(ref(one, "one"), ref(two, "two")), env=(("C", "env"),))
            (spec,) = specs(plant)
            secret, plain = dict(spec.secret_env), dict(spec.env)
            assert {name: secret[name] for name in ("A", "B")} == {"A": "1", "B": "2"}
            assert plain["C"] == "env"
            assert plain["HOMEPORT_GUEST_MODULE"] == "web"
            assert not secret.keys() & plain.keys()
            assert secret["MODAL_IDENTITY_TOKEN"] == secret["HOMEPORT_IDENTITY_TOKEN"]
            assert secret["MODAL_IDENTITY_TOKEN"] not in repr(spec)

    asyncio.run(run())


def test_a_rollover_after_a_change_gives_new_containers_the_new_values(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as plant:
            secret_id = make(plant)
            await plant.deploy("one", secrets=(ref(secret_id),))
            assert [dict(spec.secret_env)["TOKEN"] for spec in specs(plant)] == [VALUE]
            plant.secrets.update("api", "main", {"TOKEN": "new"}, "ann")
            await plant.rollover()
            assert dict(specs(plant)[-1].secret_env)["TOKEN"] == "new"
            assert [(row.version, row.type) for row in plant.rows()] == [(2, "rollover"), (1, "standard")]
            assert len({row.manifest_digest for row in plant.rows()}) == 1

    asyncio.run(run())


def test_a_container_whose_secret_was_deleted_fails_in_words_and_what_runs_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path) as plant:
            secret_id = make(plant)
            await plant.deploy("one", secrets=(ref(secret_id),))
            plant.secrets.delete("api", "main", "ann")
            with pytest.raises(Error, match="Secret 'api' is not there"):
                await plant.rollover()
            (app,) = plant.loop.world.apps.values()
            assert len(app.containers) == 1
            with pytest.raises(NotFoundError, match="Secret 'api' is not there"):
                plant.vault.values([ref(secret_id)])

    asyncio.run(run())
