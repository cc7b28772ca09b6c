"""Direct trust for other mail servers: Postfix maps of the certificates a directory trusts.

Postfix compares fingerprints of whole certificates, which is what direct trust does
(certificate-facts 4.3): ``check_ccert_access`` for who connects, a policy table with
``fingerprint`` level for whom it connects to.
"""

from __future__ import annotations

from hashlib import sha256

from edgesync.trust.anchors import Anchor, TrustAnchors

CLIENT_MAP = "trusted_clients"
POLICY_MAP = "trusted_servers"
SETTINGS = "main.cf.trust"


def fingerprint(der: bytes) -> str:
    """SHA-256 over a certificate as Postfix writes it: upper-case hex with colons."""
    return sha256(der).digest().hex(":").upper()


def postfix_maps(anchors: TrustAnchors, *, folder: str = "/etc/postfix") -> dict[str, str]:
    """File names and texts; ``folder`` is where Postfix will find them.

    The tables are for ``texthash:``, which needs no postmap; after a change of the directory they
    are exported again and Postfix reloaded.
    """
    trusted = anchors.trusted
    clients = "".join(f"{fingerprint(_der(a))} OK\n" for a in trusted)
    servers = "".join(f"[{a.fqdn}]:25 fingerprint match={fingerprint(_der(a))}\n" for a in trusted)
    names = ", ".join(a.name for a in trusted) or "nobody"
    head = f"# trusted by the {anchors.side} side of direct trust: {names}\n"
    settings = (
        head + "smtpd_tls_security_level = may\n"
        "smtpd_tls_ask_ccert = yes\n"
        "smtpd_tls_fingerprint_digest = sha256\n"
        f"smtpd_relay_restrictions = check_ccert_access texthash:{folder}/{CLIENT_MAP}, reject\n"
        "smtp_tls_fingerprint_digest = sha256\n"
        f"smtp_tls_policy_maps = texthash:{folder}/{POLICY_MAP}\n"
    )
    return {CLIENT_MAP: head + clients, POLICY_MAP: head + servers, SETTINGS: settings}


def _der(anchor: Anchor) -> bytes:
    assert anchor.der is not None
    return anchor.der
