"""What holds for any name, file or set of certificates."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgesync.certificates.bundle import read_bundle
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.cmdlets.get import get
from edgesync.certificates.cmdlets.import_ import import_certificate
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.certificates.load import context_of
from edgesync.certificates.names import is_domain_name, names_match, parse_subject, show_name
from edgesync.certificates.request import parse_request
from edgesync.certificates.select import select_internal, select_starttls
from edgesync.certificates.services import Services, parse_services
from edgesync.certificates.store import parse_thumbprint
from edgesync.errors import EdgeSyncError
from tests.unit.certificates.bench import Bench, bench

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"

labels = st.text(string.ascii_letters + string.digits, min_size=1, max_size=6)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
values = st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable() and t.strip() == t)
keys = st.sampled_from(["CN", "OU", "O", "L", "S"])


def _hinted(call: Callable[[], object]) -> bool:
    """Whether a call works or is refused with a hint; any other exception fails the test."""
    try:
        call()
    except EdgeSyncError as refused:
        return bool(refused.hint)
    return True


@given(st.lists(st.tuples(keys, values), min_size=1, max_size=4))
def test_a_subject_survives_being_shown_and_read(parts: list[tuple[str, str]]) -> None:
    text = ", ".join(f'{key}="{value.replace(chr(34), chr(34) * 2)}"' for key, value in parts)
    subject = parse_subject(text)
    assert parse_subject(show_name(subject)) == subject


@given(st.text(max_size=40))
def test_a_subject_is_read_or_refused_with_a_hint(text: str) -> None:
    assert _hinted(lambda: parse_subject(text))


@given(names, names)
def test_names_match_themselves_in_any_case_and_nothing_else(one: str, two: str) -> None:
    assert is_domain_name(one)
    assert names_match(one.upper(), one.lower())
    assert names_match(one, two) == (one.casefold() == two.casefold())


@given(labels, names)
def test_a_wildcard_matches_one_label_more(label: str, name: str) -> None:
    assert names_match(f"*.{name}", f"{label}.{name}")
    assert not names_match(f"*.{name}", f"{label}.{label}.{name}")
    assert not names_match(f"*.{name}", name)


@given(st.integers(0, 127))
def test_services_survive_being_shown_and_read(number: int) -> None:
    services = Services(number)
    assert parse_services(str(services)) == services


@given(st.text(string.hexdigits, min_size=8, max_size=64), st.data())
def test_a_thumbprint_is_read_however_it_is_spaced(digits: str, data: st.DataObject) -> None:
    noise = data.draw(st.lists(st.sampled_from(["", " ", ":", "\u200e"]), min_size=len(digits),
                               max_size=len(digits)))  # fmt: skip
    spaced = "".join(n + d for n, d in zip(noise, digits, strict=True))
    assert parse_thumbprint(spaced) == digits.upper()


@given(st.binary(max_size=200), st.none() | st.text(max_size=5))
def test_any_bytes_are_a_bundle_or_refused_by_name(data: bytes, password: str | None) -> None:
    for candidate in (data, b"\x30\x82\x01\x00\x02\x01\x03" + data):
        assert _hinted(partial(read_bundle, candidate, password))


@given(st.sampled_from(["modern.pfx", "legacy.pfx", "mail.der.p7b"]), st.data())
def test_a_damaged_file_is_refused_by_name_or_still_reads(name: str, data: st.DataObject) -> None:
    content = bytearray((FIXTURES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert _hinted(lambda: read_bundle(bytes(content), "fixture"))
    made = bench()
    if _hinted(lambda: import_certificate(made.host, bytes(content), password="fixture")):
        assert all(view.document() for view in get(made.host))


@given(st.sampled_from(["sha256.pem", "ec.pem", "mail.csr"]), st.data())
def test_a_damaged_certificate_or_request_never_gets_in_half_read(
    name: str, data: st.DataObject
) -> None:
    text = (FIXTURES / name).read_bytes()
    der = bytearray(base64.b64decode(b"".join(text.split(b"-----")[2].split())))
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    made = bench()
    if name.endswith(".csr"):
        assert _hinted(lambda: parse_request(bytes(der)))
        return
    assert _hinted(lambda: import_certificate(made.host, bytes(der)))
    assert all(view.listing() for view in get(made.host))


@cache
def _pool() -> tuple[Bench, tuple[TransportCertificate, ...]]:
    """A dozen certificates of one server that differ in names, age, services and faults."""
    made = bench()
    items: list[TransportCertificate] = []
    for number in range(12):
        made.clock.advance(timedelta(hours=1))
        wanted = NewCertificate(
            domain_names=("hub01.contoso.test",) if number % 2 else ("*.contoso.test",),
            services=Services.SMTP if number % 3 else Services.POP,
        )
        item = new(made.host, wanted, answer=Answer.NO).certificate
        items.append(replace(item, key=None) if number % 5 == 4 else item)
    return made, tuple(items)


@given(st.permutations(range(12)).flatmap(
    lambda order: st.integers(0, 12).map(lambda size: order[:size])
), st.sampled_from(["hub01.contoso.test", "mail.contoso.test", "other.test"]))  # fmt: skip
def test_every_certificate_is_chosen_or_rejected_and_order_does_not_matter(
    indexes: list[int], name: str
) -> None:
    made, pool = _pool()
    items = [pool[index] for index in indexes]
    context = context_of(made.host)
    found = select_starttls(items, name, context)
    told = [r.certificate.thumbprint for r in found.rejected]
    if found.chosen:
        told.append(found.chosen.thumbprint)
    assert sorted(told) == sorted(item.thumbprint for item in items)
    again = select_starttls(items[::-1], name, context)
    assert again.chosen == found.chosen
    assert found.is_offered == (found.chosen is not None)
    assert bool(found.events) == (found.chosen is None)


@given(st.integers(0, 11), st.permutations(range(12)))
def test_the_directory_alone_decides_the_internal_certificate(
    wanted: int, order: list[int]
) -> None:
    made, pool = _pool()
    published = pool[wanted]
    found = select_internal([pool[i] for i in order], published.der, context_of(made.host))
    usable = published.has_private_key and published.network_service
    assert (found.chosen == published) if usable else (found.chosen is None)
