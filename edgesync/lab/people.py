"""Recipients of a made-up organisation: the same number gives the same people."""

from __future__ import annotations

from collections.abc import Iterator

from directory.model.entry import Entry
from edgesync.organization.names import ForestNames
from edgesync.organization.recipients import Recipient, mailbox_entry

_FIRST = (
    "Alan", "Amy", "Anna", "Bjarne", "Chen", "Dana", "Dmitri", "Elena", "Erik", "Fatima", "Gloria",
    "Hana", "Igor", "Ines", "Jonas", "Kate", "Kofi", "Lars", "Leila", "Marek", "María", "Mohammed",
    "Nadia", "Noor", "Olga", "Pavel", "Priya", "Quentin", "Rosa", "Samira", "Søren", "Tomás",
    "Ulrike", "Vera", "Wei", "Xiomara", "Yusuf", "Zoë",
)  # fmt: skip
_LAST = (
    "Abbott", "Berg", "Castillo", "Dietrich", "Eriksson", "Fernández", "Garcia", "Haddad", "Ito",
    "Jansen", "Kowalski", "Lindqvist", "Müller", "Nakamura", "Okafor", "Petrov", "Quinn", "Rossi",
    "Schmidt", "Tanaka", "Usman", "Virtanen", "Weber", "Xu", "Yılmaz", "Zhang",
)  # fmt: skip
_PLAIN = str.maketrans("áíéóúñøëüıö", "aieounoeuio")


def people(names: ForestNames, count: int) -> Iterator[Entry]:
    """Entries of ``count`` mail-enabled users; every 25th accepts mail from inside only."""
    for number in range(count):
        turn, within = divmod(number, len(_FIRST) * len(_LAST))
        first = _FIRST[within % len(_FIRST)]
        last = _LAST[(within // len(_FIRST) + within % len(_FIRST)) % len(_LAST)]
        alias = f"{first}.{last}".lower().translate(_PLAIN) + (str(turn + 1) if turn else "")
        address = f"{alias}@{names.dns_domain}"
        name = f"{first} {last} {number:04}"
        recipient = Recipient(
            names.users.child("CN", name),
            name,
            display_name=f"{first} {last}",
            alias=alias,
            mail=address,
            proxy_addresses=(f"SMTP:{address}", f"smtp:user{number}@{names.dns_domain}"),
            require_auth_to_send_to=number % 25 == 24,
        )
        yield mailbox_entry(recipient, account=f"user{number}", surname=last)
