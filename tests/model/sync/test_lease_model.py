"""Any interleaving of Hubs: one writer at a time, and never a cookie from a stale one."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from directory.model import modification as change
from directory.model.messages import ModifyRequest
from edgesync.config import PROFILES, Version
from edgesync.errors import LeaseLost
from edgesync.organization.servers import read_server
from edgesync.sync.lease import Lease, LeaseHeld, LeaseKind, LeaseManager
from tests.support.forest import Forest

HUBS = st.sampled_from(["HUB01", "HUB02", "HUB03"])
TIMING = PROFILES[Version.EXCHANGE_2016].sync
COOKIES = "msExchEdgeSyncCookies"


class LeaseMachine(RuleBasedStateMachine):
    """Three Hubs, one Edge. ``owner`` is the model: who acquired last, and until when."""

    forest: Forest | None = None

    def __init__(self) -> None:
        super().__init__()
        if LeaseMachine.forest is None:
            LeaseMachine.forest = Forest()
            LeaseMachine.forest.add_edge("EDGE01")
        machine = LeaseMachine.forest.edges["EDGE01"]
        self.port = machine.port
        self.names = machine.names
        self.dn = machine.names.server("EDGE01")
        self.now = LeaseMachine.forest.clock.now()
        self.leases: dict[str, Lease] = {}
        self.owner: str | None = None
        self.until = self.now
        self.locked = False
        self.cookie = b""

    @initialize()
    def clean(self) -> None:
        self.port.modify(
            ModifyRequest(self.dn, (change.replace("msExchEdgeSyncLease"), change.replace(COOKIES)))
        )

    def manager(self, hub: str) -> LeaseManager:
        return LeaseManager(self.port, self.dn, hub, TIMING)

    @rule(minutes=st.integers(0, 40))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(hub=HUBS, forced=st.booleans())
    def acquire(self, hub: str, forced: bool) -> None:
        answer = self.manager(hub).acquire(now=self.now, forced=forced)
        other = self.owner not in {None, hub} and self.now < self.until
        if other and (self.locked or not forced):
            assert isinstance(answer, LeaseHeld)
            assert answer.lease.holder == self.owner
            return
        assert isinstance(answer, Lease), answer
        self.leases[hub] = answer
        self.owner, self.locked, self.until = hub, True, answer.expires_at

    @rule(hub=HUBS, value=st.integers(0, 10**6))
    def commit(self, hub: str, value: int) -> None:
        lease = self.leases.get(hub)
        if lease is None or lease.kind is not LeaseKind.LOCK:
            return
        cookie = f"{hub} {value}".encode()
        try:
            renewed = self.manager(hub).commit(
                lease, (change.replace(COOKIES, cookie),), now=self.now
            )
        except LeaseLost:
            assert hub != self.owner, "the owner's commit was refused"
        else:
            assert hub == self.owner, "a stale holder wrote a cookie"
            self.leases[hub], self.until, self.cookie = renewed, renewed.expires_at, cookie
        server = read_server(self.port, self.names, "EDGE01")
        assert server is not None
        assert (server.cookies or (b"",))[0] == self.cookie

    @rule(hub=HUBS)
    def release(self, hub: str) -> None:
        lease = self.leases.pop(hub, None)
        if lease is None:
            return
        try:
            kept = self.manager(hub).release(lease, now=self.now)
        except LeaseLost:
            assert hub != self.owner
        else:
            assert hub == self.owner
            self.locked, self.until = False, kept.expires_at


TestLease = LeaseMachine.TestCase
TestLease.settings = settings(max_examples=60, stateful_step_count=30)
