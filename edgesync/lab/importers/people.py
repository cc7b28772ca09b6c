"""Entries of any directory as recipients of the lab: people with mail, and the groups they are in.

People of a foreign tree become mail-enabled users below the forest's Users container; a tree of the
forest itself stays as it is. Passwords are never taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from directory.errors import InvalidDN
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.names import AttributeName, attribute_name
from edgesync.organization.names import ForestNames
from edgesync.organization.recipients import Recipient, mailbox_entry

NAME_LENGTH_MAX = 64
"""Longest common name of a user in AD, characters (rangeUpper of cn)."""

_PERSON_CLASSES = frozenset({"person", "organizationalperson", "inetorgperson", "user", "contact"})
_GROUP_CLASSES = frozenset({"group", "groupofnames", "groupofuniquenames"})
_ADDRESS = re.compile(r"[^\s@<>,;:\"()]+@[^\s@<>,;:\"()]+")
_SINGLE = ("givenName", "sn", "title", "department", "company", "employeeType", "employeeID",
           "telephoneNumber", "mobile", "l", "postalCode", "description", "jpegPhoto",
           "thumbnailPhoto")  # fmt: skip
"""What else a person keeps, the first value of each: AD allows a user one, or shows one."""
_MULTIPLE = ("ou", "businessCategory")

_SECRET = re.compile(r"userpassword|unicodepwd|.*pwdhistory|dbcspwd|supplementalcredentials|krb.*")
_MAINTAINED = re.compile(
    r"usn.*|when(created|changed)|createtimestamp|modifytimestamp|creatorsname|modifiersname"
    r"|distinguishedname|name|instancetype|objectcategory|objectguid|objectsid|sidhistory|dscore.*|memberof"
    r"|entry(uuid|csn|dn)|structuralobjectclass|subschemasubentry|hassubordinates|repl.*|msds-.*"
    r"|badpw.*|badpassword.*|last(logon|logoff).*|logoncount|pwdlastset|accountexpires|primarygroupid"
    r"|samaccounttype|iscriticalsystemobject|ntsecuritydescriptor|.*backlink|.*bl"
)
"""Attributes a directory writes itself; taken along, they would be refused or be wrong."""


@dataclass(frozen=True, slots=True)
class ImportedEntries:
    """Entries ready to be added, parents first, and what was decided on the way."""

    entries: tuple[Entry, ...]
    recipients: tuple[Recipient, ...]
    domains: tuple[str, ...]
    """Mail domains of the recipients, in lower case: the lab must accept mail for them."""
    taken: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


@dataclass(slots=True)
class _Import:
    """The state of one import: names given so far, what was said."""

    names: ForestNames
    renamed: dict[str, DN] = field(default_factory=dict)
    common_names: set[str] = field(default_factory=set)
    recipients: list[Recipient] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    ignored: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def import_entries(entries: Iterable[Entry], names: ForestNames) -> ImportedEntries:
    """Recipients, groups and trees for the forest ``names`` from another directory's entries."""
    state = _Import(names)
    own: list[Entry] = []
    people: list[Entry] = []
    groups: list[Entry] = []
    for entry in entries:
        classes = {
            value.decode("ascii", "replace").lower() for value in entry.values("objectClass")
        }
        if entry.dn.is_under(names.domain) or entry.dn == names.domain:
            own.append(entry)
        elif classes & _PERSON_CLASSES:
            people.append(entry)
        elif classes & _GROUP_CLASSES:
            groups.append(entry)
        else:
            state.ignored.append(f"{entry.dn}: neither a person nor a group")
    kept = [_kept(state, entry) for entry in sorted(own, key=lambda e: len(e.dn.rdns))]
    kept += [user for entry in people if (user := _user(state, entry))]
    kept += [_group(state, entry) for entry in groups]
    return _result(state, kept)


def _result(state: _Import, entries: list[Entry]) -> ImportedEntries:
    domains = dict.fromkeys(
        address.rpartition("@")[2].lower()
        for recipient in state.recipients
        for address in recipient.addresses
    )
    counts = state.counts
    for kind in ("passwords", "members that were not in the input"):
        if counts[kind]:
            state.ignored.append(f"{kind}: {counts[kind]}")
    kinds = ("people", "groups", "photos", "entries of the forest itself")
    taken = [f"{kind}: {counts[kind]}" for kind in kinds if counts[kind]]
    return ImportedEntries(
        tuple(entries), tuple(state.recipients), tuple(domains), tuple(taken),
        tuple(state.ignored), tuple(state.assumed),
    )  # fmt: skip


def _kept(state: _Import, entry: Entry) -> Entry:
    """An entry of the forest itself, without what its directory maintained."""
    state.counts["entries of the forest itself"] += 1
    attributes = {}
    for name, values in entry.attributes.items():
        folded = attribute_name(name)
        if _SECRET.fullmatch(folded):
            state.counts["passwords"] += 1
        elif not _MAINTAINED.fullmatch(folded):
            attributes[name] = values
    if entry.has("proxyAddresses"):
        name = entry.text("cn", entry.dn.rdn.value)
        state.recipients.append(
            Recipient(entry.dn, name, mail=entry.text("mail"),
                      proxy_addresses=entry.texts("proxyAddresses"))
        )  # fmt: skip
    return Entry(entry.dn, attributes)


def _user(state: _Import, entry: Entry) -> Entry | None:
    """A person as a mail-enabled user; None without a mail address."""
    proxies = tuple(_proxy_addresses(entry))
    if not proxies:
        state.ignored.append(f"{entry.dn}: no mail address")
        return None
    primary = next((p for p in proxies if p.startswith("SMTP:")), proxies[0])[5:]
    name = _common_name(state, entry)
    account = entry.text("sAMAccountName") or entry.text("uid") or primary.partition("@")[0]
    recipient = Recipient(
        state.names.users.child("CN", name),
        name,
        display_name=entry.text("displayName", name),
        alias=entry.text("mailNickname") or account,
        mail=primary,
        proxy_addresses=proxies,
        require_auth_to_send_to=entry.boolean("msExchRequireAuthToSendTo"),
    )
    state.renamed[entry.dn.normal] = recipient.dn
    state.recipients.append(recipient)
    state.counts["people"] += 1
    state.counts["photos"] += entry.has("jpegPhoto") or entry.has("thumbnailPhoto")
    state.counts["passwords"] += any(_SECRET.fullmatch(attribute_name(name)) for name in entry)
    made = mailbox_entry(recipient, account=account[:20])
    return made.with_attributes(dict(_other_attributes(entry)))


def _proxy_addresses(entry: Entry) -> Iterator[str]:
    """The person's addresses, each once; the first of ``mail`` is primary unless one is marked."""
    given = [p for p in entry.texts("proxyAddresses") if p[:5].lower() == "smtp:"]
    mails = [*entry.texts("mail"), *entry.texts("mailLocalAddress")]
    if not any(p.startswith("SMTP:") for p in given):
        given = [
            f"{'smtp' if n or given else 'SMTP'}:{mail}" for n, mail in enumerate(mails)
        ] + given
    seen: set[str] = set()
    for proxy in given:
        address = proxy[5:].strip()
        if _ADDRESS.fullmatch(address) and address.lower() not in seen:
            seen.add(address.lower())
            yield proxy[:5] + address


def _other_attributes(entry: Entry) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    for name in _SINGLE:
        if value := entry.first(name):
            yield name, (value,)
    for name in _MULTIPLE:
        if values := entry.values(name):
            yield name, values


def _common_name(state: _Import, entry: Entry) -> str:
    """A name no other object of the container has yet."""
    wanted = (entry.text("cn") or entry.text("displayName") or entry.dn.rdn.value).strip()
    wanted = wanted[:NAME_LENGTH_MAX] or "unnamed"
    name, number = wanted, 1
    while name.casefold() in state.common_names:
        number += 1
        name = f"{wanted[: NAME_LENGTH_MAX - 8]} {number}"
    state.common_names.add(name.casefold())
    if name != entry.text("cn"):
        state.assumed.append(f"{entry.dn} is called {name}")
    return name


def _group(state: _Import, entry: Entry) -> Entry:
    """A group with those of its members that were taken."""
    name = _common_name(state, entry)
    dn = state.names.users.child("CN", name)
    state.renamed[entry.dn.normal] = dn
    members = []
    for attribute in ("member", "uniqueMember"):
        for value in entry.texts(attribute):
            if new := state.renamed.get(_normal(value)):
                members.append(str(new).encode())
            else:
                state.counts["members that were not in the input"] += 1
    proxies = tuple(_proxy_addresses(entry))
    attributes: dict[AttributeName | str, tuple[bytes, ...]] = {
        "objectClass": (b"top", b"group"),
        "cn": (name.encode(),),
        "sAMAccountName": (name.encode(),),
        "groupType": (str(_group_type(entry)).encode(),),
        "member": tuple(members),
        "proxyAddresses": tuple(proxy.encode() for proxy in proxies),
        "mail": tuple(proxy[5:].encode() for proxy in proxies[:1]),
        "description": entry.values("description")[:1],
    }
    if proxies:
        state.recipients.append(Recipient(dn, name, mail=proxies[0][5:], proxy_addresses=proxies))
    state.counts["groups"] += 1
    return Entry(dn, {str(key): values for key, values in attributes.items() if values})


def _normal(dn: str) -> str:
    try:
        return DN.parse(dn).normal
    except InvalidDN:
        return ""


_GLOBAL_SECURITY_GROUP = -2147483646


def _group_type(entry: Entry) -> int:
    """AD's signed form; other directories write the same bits unsigned."""
    text = entry.text("groupType")
    if not re.fullmatch(r"-?\d{1,10}", text):
        return _GLOBAL_SECURITY_GROUP
    number = int(text)
    return number - 2**32 if number >= 2**31 else number
