"""Real exports become a lab that an Edge can be added to, subscribed, synced and trusted in."""

from __future__ import annotations

from pathlib import Path

from tests.support.peers import require_data
from tests.support.program import Program

REAL = "6C7DE09FB39A40144F57EFEBC3DF0148E3A9AB28"


def test_a_real_exchange_2019_organisation_gets_a_trusted_edge(tmp_path: Path) -> None:
    exports = require_data("exchange-2019-clixml")
    program = Program(tmp_path / "lab")
    imported = program.ok("lab", "import", "--clixml", str(exports), "--edge", "EDGE01")
    assert "exports hold no private" not in imported.out
    assert "stand in" in imported.err

    listed = program.json("cert", "list", "SOLO-E19A")["certificates"]
    real = next(c for c in listed if c["thumbprint"] == REAL)
    assert real["status"] == "Valid"
    entry = program.json("directory", "get", "SOLO-E19A")["entry"]["attributes"]
    domains = program.json(
        "directory", "search", "(objectClass=msExchAcceptedDomain)",
        "--attribute", "msExchAcceptedDomainName",
    )  # fmt: skip
    names = {e["attributes"]["msExchAcceptedDomainName"][0] for e in domains["entries"]}
    assert names == {"Solo.com", "*.contoso.local", "*.com"}
    import base64
    import hashlib

    published = base64.b64decode(entry["msExchServerInternalTLSCert"][0]["base64"])
    assert hashlib.sha1(published).hexdigest().upper() == REAL

    file = tmp_path / "EDGE01.xml"
    program.ok("subscription", "export", "EDGE01", "--file", str(file), "--yes")
    done = program.ok("subscription", "import", str(file), "--site", "Default-First-Site-Name")
    assert REAL in done.err, "the stand-in has to be said"
    program.ok("sync", "run")
    program.ok("trust", "matrix")


def test_people_of_a_real_directory_become_recipients(tmp_path: Path) -> None:
    people = require_data("planet-express")
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "0")

    program.ok("lab", "import", "--ldif", str(people))

    found = program.json("directory", "search", "(proxyAddresses=*)", "--attribute", "mail")
    mails = {e["attributes"]["mail"][0] for e in found["entries"]}
    assert "fry@planetexpress.com" in mails
    assert len(mails) >= 7
