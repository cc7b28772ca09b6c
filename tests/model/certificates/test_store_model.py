"""The store against a plain dictionary: any sequence of changes, closed and opened at any time."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edgesync.certificates.certificate import RootCAType, TransportCertificate
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.services import Services
from edgesync.certificates.store import MachineStore
from edgesync.certificates.store_state import StoreState
from tests.unit.certificates.bench import bench

COUNT = 5
indexes = st.integers(0, COUNT - 1)


@cache
def _certificates() -> tuple[TransportCertificate, ...]:
    host = bench().host
    wanted = NewCertificate(services=Services.NONE)
    return tuple(new(host, wanted).certificate for _ in range(COUNT))


class StoreMachine(RuleBasedStateMachine):
    """Does to a store in a folder what it does to a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-model-"))
        self.store = MachineStore.open(self.folder)
        self.model: dict[str, TransportCertificate] = {}
        self.roots: dict[str, RootCAType] = {}
        self.kept: tuple[StoreState, dict[str, TransportCertificate], dict[str, RootCAType]] = (
            self.store.state, {}, {},
        )  # fmt: skip

    @rule(index=indexes, services=st.integers(0, 31), with_key=st.booleans())
    def put(self, index: int, services: int, with_key: bool) -> None:
        item = replace(_certificates()[index], services=Services(services))
        item = item if with_key else replace(item, key=None)
        self.store.put(item)
        self.model[item.thumbprint] = item

    @rule(index=indexes, other=indexes)
    def put_one_and_remove_another(self, index: int, other: int) -> None:
        item, gone = _certificates()[index], _certificates()[other]
        self.model.pop(gone.thumbprint, None)
        self.store.put(item, remove=(gone.thumbprint,))
        self.model[item.thumbprint] = item

    @rule(index=indexes)
    def remove(self, index: int) -> None:
        mark = _certificates()[index].thumbprint
        change = self.store.remove(mark)
        assert bool(change.removed) == (self.model.pop(mark, None) is not None)

    @rule(index=indexes, kind=st.sampled_from(RootCAType))
    def trust(self, index: int, kind: RootCAType) -> None:
        item = _certificates()[index]
        self.store.trust(item.certificate, kind)
        self.roots[item.thumbprint] = kind

    @rule(index=indexes)
    def distrust(self, index: int) -> None:
        mark = _certificates()[index].thumbprint
        self.store.distrust(mark)
        self.roots.pop(mark, None)

    @rule()
    def keep(self) -> None:
        self.kept = (self.store.state, dict(self.model), dict(self.roots))

    @rule()
    def restore(self) -> None:
        state, model, roots = self.kept
        self.store.restore(state)
        self.model, self.roots = dict(model), dict(roots)

    @rule()
    def reopen(self) -> None:
        self.store = MachineStore.open(self.folder)
        self.kept = (self.store.state, dict(self.model), dict(self.roots))

    @invariant()
    def agrees(self) -> None:
        shown = {c.thumbprint: (c.services, c.has_private_key) for c in self.store.certificates}
        assert shown == {t: (c.services, c.has_private_key) for t, c in self.model.items()}
        assert {r.thumbprint: r.kind for r in self.store.roots} == self.roots

    @invariant()
    def no_key_lies_around(self) -> None:
        keys = {path.stem for path in self.folder.rglob("*.key")}
        assert keys == {t for t, c in self.model.items() if c.has_private_key}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
