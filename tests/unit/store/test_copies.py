"""A copy of a store is made of everything a store is made of, which is written down by name."""

from __future__ import annotations

from types import BuiltinMethodType, MethodType

from directory.model import messages as m
from directory.model.modification import replace
from directory.store.dit import Dit
from tests.support.directories import SUFFIX, ad, generic
from tests.support.store_content import kept

FRY = SUFFIX.child("uid", "fry")
OWN = {"journal", "lock", "watchers", "_pending", "_pending_meta"}
"""What a store keeps when it becomes what another one was; nothing waits to be written then."""


def _attributes(whole: object) -> set[str]:
    kinds = (property, MethodType, BuiltinMethodType)
    return {
        name for name in dir(whole)
        if not name.startswith("__")
        and not isinstance(getattr(type(whole), name, None), kinds)
        and not isinstance(getattr(whole, name), kinds)
    }  # fmt: skip


def _missing(whole: object, part: object) -> set[str]:
    return {name for name in dir(whole) if not hasattr(part, name)}


def test_a_store_that_becomes_another_takes_over_everything_but_its_own() -> None:
    store, other = generic().agent.context.store, ad().agent.context.store
    everything = _attributes(store)
    assert everything > OWN
    assert len(everything) > 15
    other.become(store)
    taken = {name for name in everything if getattr(other, name) is getattr(store, name)}
    numbers = {"usn", "committed_usn", "last_at"}
    assert numbers < everything
    assert all(getattr(other, name) == getattr(store, name) for name in numbers)
    assert everything - taken - numbers == OWN - {"journal"}  # which neither has


def test_a_fork_has_everything_a_store_has() -> None:
    store = generic().agent.context.store
    assert _missing(store, store.fork()) == set()


def test_a_copy_of_the_tree_counts_and_finds_as_the_tree_did() -> None:
    made = generic()
    made.add(FRY, objectClass="inetOrgPerson", cn="Fry", sn="Fry")
    tree = made.agent.context.store.dit
    copy = tree.copy()
    assert _missing(tree, copy) == set()
    fry = tree.find(FRY.normal)
    assert copy.find(FRY.normal) is fry is not None
    assert (copy.count, copy.changes) == (tree.count, tree.changes) != (Dit().count, Dit().changes)
    assert list(copy.live()) == list(tree.live())


def test_a_restored_store_holds_what_the_snapshot_held_and_not_what_came_later() -> None:
    made = generic()
    made.add(FRY, objectClass="inetOrgPerson", cn="Fry", sn="Fry")
    store = made.agent.context.store
    snapshot = store.fork()
    then = kept(store)
    journal, lock, watchers = store.journal, store.lock, store.watchers
    made.ask(m.ModifyRequest(FRY, (replace("sn", b"Philip"),)))
    assert kept(store) != then
    store.restore(snapshot)
    assert kept(store) == then == kept(snapshot)
    assert (store.journal, store.lock, store.watchers) == (journal, lock, watchers)
    assert store.verify() == []
