"""Whatever happens to AD and to the connection: after one quiet run the Edge has what it should."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from directory.errors import LdapError
from directory.model.dn import DN
from directory.model.filter import Equality
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest
from directory.model.modification import replace
from edgesync.organization.address_hash import hash_with_type
from edgesync.port.port import find, read
from edgesync.sync.kinds import Job
from edgesync.sync.report import Result
from edgesync.sync.run import run_sync
from tests.support.faulty_port import Fault, FaultyPort
from tests.support.forest import small_forest

NUMBERS = st.integers(0, 5)


class SyncMachine(RuleBasedStateMachine):
    """The model is a dict: number of a user to address and whether it may be known outside."""

    def __init__(self) -> None:
        super().__init__()
        self.forest = small_forest(0)
        self.forest.subscribe("EDGE01")
        self.forest.sync()
        self.forest.credential_service()
        self.people: dict[int, tuple[str, bool]] = {}
        self.names: dict[int, DN] = {}

    @rule(number=NUMBERS)
    def hire(self, number: int) -> None:
        if number not in self.people:
            entry = self.forest.recipient(number)
            self.forest.ad.add(AddRequest(entry))
            self.people[number] = (f"SMTP:user{number}@contoso.test", True)
            self.names[number] = entry.dn

    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        if self.people.pop(number, None):
            self.forest.ad.delete(DeleteRequest(self.names.pop(number)))

    @rule(number=NUMBERS, name=st.integers(0, 99))
    def marry(self, number: int, name: int) -> None:
        if number not in self.people:
            return
        rdn = DN.parse(f"CN=Name {number} {name}")
        try:
            self.forest.ad.modify_dn(ModifyDnRequest(self.names[number], rdn))
        except LdapError:
            return
        self.names[number] = self.forest.names.users.child("CN", rdn.rdn.value)

    @rule(number=NUMBERS, turn=st.integers(0, 9))
    def move_house(self, number: int, turn: int) -> None:
        if number in self.people:
            address = f"SMTP:u{number}.{turn}@contoso.test"
            change = replace("proxyAddresses", address.encode())
            self.forest.ad.modify(ModifyRequest(self.names[number], (change,)))
            self.people[number] = (address, self.people[number][1])

    @rule(number=NUMBERS, inside=st.booleans())
    def hide(self, number: int, inside: bool) -> None:
        if number in self.people:
            change = replace("msExchRequireAuthToSendTo", b"TRUE" if inside else b"FALSE")
            self.forest.ad.modify(ModifyRequest(self.names[number], (change,)))
            self.people[number] = (self.people[number][0], not inside)

    @rule(at=st.integers(0, 6), fault=st.sampled_from(list(Fault)), full=st.booleans())
    def sync_with_a_fault(self, at: int, fault: Fault, full: bool) -> None:
        context = self.forest.context("HUB01", "EDGE01")
        port = FaultyPort(self.forest.open_session("HUB01", "EDGE01").port, at=at, fault=fault)
        context.open_target = lambda _edge: port
        run_sync(context, now=self.forest.clock.now(), jobs=(Job.RECIPIENTS,), full=full)

    @rule()
    def sync_quietly(self) -> None:
        report = self.forest.sync(jobs=(Job.RECIPIENTS,)).runs[0]
        assert report.result is Result.SUCCESS, report.reason
        machine = self.forest.edges["EDGE01"]
        replicas = find(machine.port, machine.names.recipients, Equality("objectClass", b"contact"))
        have = {entry.text("cn"): entry.values("proxyAddresses") for entry in replicas}
        want = {
            self.guid(number): (hash_with_type(address),)
            for number, (address, outside) in self.people.items()
            if outside
        }
        assert have == want

    def guid(self, number: int) -> str:
        entry = read(self.forest.ad, self.names[number], ("objectGUID",))
        assert entry is not None
        return str(entry.guid("objectGUID"))

    def teardown(self) -> None:
        self.sync_quietly()


TestSync = SyncMachine.TestCase
TestSync.settings = settings(max_examples=40, stateful_step_count=25)
