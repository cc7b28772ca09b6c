"""A run leaves the same replicas, and counts the same, with columns and without them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Present
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest, Scope
from directory.model.modification import replace
from edgesync.organization.address_hash import hash_with_type
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.passed import PassedPort
from edgesync.port.port import DirectoryPort, write_all
from edgesync.sync.engine import JobRun
from edgesync.sync.kinds import AttributeRule, Identity, ReplicatedKind
from edgesync.sync.transform import Setting
from tests.support.directories import DOMAIN, GATEWAY, START, USERS, Bench, ad, adam

CREW = GATEWAY.child("OU", "crew")
RULES = (
    AttributeRule("proxyAddresses", "proxyAddresses", "hash"),
    AttributeRule("title", "title"),
    AttributeRule("description", "description"),
)
KIND = ReplicatedKind(
    "person", "people", DOMAIN, Scope.SUBTREE, Present("mail"), CREW,
    (b"top", b"person", b"organizationalPerson", b"contact"), RULES, Identity.GUID_NAME,
    Setting((), hash_with_type), Present("title"), key="cn", key_is_text=True,
)  # fmt: skip
ADDRESSES = st.lists(st.sampled_from(["SMTP:a@x", "smtp:B@x", "x400:é", "y@z"]), unique=True)
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {"mail": st.sampled_from(["m", ""])},
        optional={
            "proxyAddresses": ADDRESSES, "title": st.sampled_from([["t"], ["u" * 200]]),
            "description": st.sampled_from([["d"], ["e", "f"]]),
        },
    ), min_size=1, max_size=30,
)  # fmt: skip
LATER = st.lists(
    st.tuples(
        st.sampled_from(["source gone", "source changed", "replica gone", "replica changed",
                         "foreign", "made by hand"]),
        st.integers(0, 29),
    ), max_size=6,
)  # fmt: skip


def contact(number: int, attributes: dict[str, Any]) -> Entry:
    values = {name: tuple(v.encode() for v in given) for name, given in attributes.items() if given}
    return Entry(USERS.child("CN", f"c{number}"), {"objectClass": (b"top", b"contact"), **values})


class Pair:
    """An AD and an ADAM, and runs between them."""

    def __init__(self, contacts: list[dict[str, Any]], *, by_columns: bool) -> None:
        self.benches: tuple[Bench, Bench] = ad(), adam()
        ports = [EmbeddedPort(made.agent, made.session) for made in self.benches]
        self.plain = ports[1]
        self.ports: list[DirectoryPort] = [
            port if by_columns else PassedPort(port) for port in ports
        ]
        self.plain.add(AddRequest(Entry(CREW, {"objectClass": (b"organizationalUnit",)})))
        made = [contact(number, given) for number, given in enumerate(contacts)]
        refused = write_all(ports[0], [AddRequest(entry) for entry in made])
        assert refused == [None] * len(made)

    def run(self) -> list[Any]:
        source, target = self.ports
        run = JobRun("people", (KIND,), source, target, START, timedelta(days=3))
        run.execute({})
        tally = run.tally
        return [
            tally.scanned, tally.added, tally.updated, tally.moved, tally.deleted, tally.failed,
            sorted(map(repr, tally.errors)),
        ]  # fmt: skip

    def change(self, what: str, number: int) -> None:
        source, target = self.benches
        if what.startswith("source"):
            found = source.search(USERS, f"(cn=c{number})").names
            asked = source
        else:
            found = sorted(target.search(CREW, scope=Scope.ONE).names)[number : number + 1]
            asked = target
        if what == "foreign":
            entry = {"objectClass": (b"top", b"contact"), "title": (b"t",)}
            self.plain_add(Entry(CREW.child("CN", f"f{number}"), entry))
        elif what == "made by hand":
            guids = [e.guid("objectGUID") for e in source.search(USERS, "(mail=*)").entries]
            if guids and isinstance(guid := guids[number % len(guids)], UUID):
                entry = {"objectClass": (b"top", b"contact"), "description": (b"by hand",)}
                self.plain_add(Entry(CREW.child("CN", str(guid)), entry))
        elif found:
            name = DN.parse(found[0])
            if what.endswith("gone"):
                asked.ask(DeleteRequest(name))
            else:
                asked.ask(ModifyRequest(name, (replace("title", b"changed"),)))

    def plain_add(self, entry: Entry) -> None:
        self.benches[1].ask(AddRequest(entry))

    def content(self) -> dict[str, Any]:
        target = self.benches[1].agent.store
        assert target.verify() == []
        found = self.benches[1].search(
            CREW, attributes=("objectClass", "cn", "title", "description", "proxyAddresses")
        )
        return {str(entry.dn): dict(entry.attributes) for entry in found.entries}


@settings(max_examples=60, deadline=None)
@given(CONTACTS, LATER)
def test_replicas_are_the_same_with_columns_and_without(
    contacts: list[dict[str, Any]], later: list[tuple[str, int]]
) -> None:
    pairs = Pair(contacts, by_columns=True), Pair(contacts, by_columns=False)
    for steps in ([], later, []):
        for pair in pairs:
            for step in steps:
                pair.change(*step)
        reports = [pair.run() for pair in pairs]
        assert reports[0] == reports[1]
        assert pairs[0].content() == pairs[1].content()


def test_a_first_run_is_made_of_columns() -> None:
    contacts = [{"mail": "m", "proxyAddresses": [f"SMTP:{n}@x"], "title": ["t"]} for n in range(20)]
    pair = Pair(contacts, by_columns=True)
    asked: list[int] = []
    port = pair.plain
    start_adds = type(port).start_adds

    class Noting(EmbeddedPort):
        def start_adds(self, tables: Any) -> Any:
            asked.extend(len(table.values) for table in tables)
            return start_adds(self, tables)

    pair.ports[1] = Noting(port.agent, port.session)
    assert pair.run()[:2] == [20, 20]
    assert asked == [20]
