"""The certification authorities of a lab, and who trusts them."""

from __future__ import annotations

from edgesync.certificates.authority_store import Founding, found_authorities
from edgesync.lab.lab import Lab


def found_in(lab: Lab) -> None:
    """Make the authorities unless they are there, and let the machines trust them.

    Edges are not in the domain: they trust the public one only.
    """
    if lab.authorities.names:
        return
    founding = Founding(lab.description.organization, lab.ad.names.dns_domain)
    found_authorities(
        lab.authorities, founding, now=lab.clock.now(), entropy=lab.entropy("authorities"),
        keys=lab.keys,
    )  # fmt: skip
    enterprise = lab.authorities.get("enterprise")
    public = lab.authorities.get("public-root")
    for name, store in lab.machines.items():
        store.trust(public.certificate, public.kind)
        if name not in lab.edges:
            store.trust(enterprise.certificate, enterprise.kind)
