"""The people that are imported while somebody pulls the plug."""

from __future__ import annotations

from pathlib import Path

from edgesync.lab.folder import open_lab

PEOPLE = 5
"""Few, so that every write of an import can be a victim's last; each is a commit of its own."""


def write_people(path: Path, lab: Path) -> None:
    """An LDIF file of mail users for this lab's domain."""
    with open_lab(lab) as opened:
        users = opened.ad.names.users
    records = ["version: 1"]
    for number in range(PEOPLE):
        name = f"imported{number:03}"
        records.append(
            f"\ndn: CN={name},{users}\n"
            "objectClass: top\nobjectClass: person\nobjectClass: organizationalPerson\n"
            "objectClass: user\n"
            f"cn: {name}\nsAMAccountName: {name}\ndisplayName: Imported {number}\n"
            f"mail: {name}@contoso.test\nproxyAddresses: SMTP:{name}@contoso.test\n"
            f"mailNickname: {name}"
        )
    path.write_text("\n".join(records) + "\n", "utf-8")
