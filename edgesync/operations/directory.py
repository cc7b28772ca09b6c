"""Look into AD, an Edge's ADAM, or any LDAP server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import NoSuchThing, RefusedByRule, UsageError
from edgesync.operations import directory_past  # noqa: F401 - more verbs of this noun
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from directory.model.dn import DN
    from directory.model.entry import Entry
    from edgesync.operations.context import Context
    from edgesync.port.port import DirectoryPort

ServerName = Annotated[str, Help("AD, or an Edge of the lab", completes="server")]
Url = Annotated[str | None, Help("any LDAP server instead: ldap[s]://host:port")]
BindDn = Annotated[str | None, Help("with --url: name to bind with")]
PasswordFile = Annotated[
    str | None, Help("with --url: file that holds the password", metavar="FILE")
]

ENTRIES_MAX = 100_000
"""Most entries one command prints; export streams to a file instead."""

TREE_CHILDREN_MAX = 200
"""Most children of one entry a tree shows before it says how many more there are."""


@contextmanager
def _port(
    context: Context, server: str, url: str | None, bind_dn: str | None, password_file: str | None
) -> Iterator[DirectoryPort]:
    """The directory that is meant, opened and closed again."""
    if url is None:
        lab = context.lab
        yield lab.ad_port() if server.upper() == "AD" else lab.edge_port(server)
        return
    from edgesync.port.ldap import LdapPort, Verification

    # whoever names a server wants to look at it: what certificate it has is shown elsewhere
    any_certificate = Verification(is_off=True)
    password = _password(password_file).encode()
    port = LdapPort.connect(url, bind_dn or "", password, verification=any_certificate)
    try:
        yield port
    finally:
        port.close()


def _password(file: str | None) -> str:
    if file is None:
        return ""
    try:
        return Path(file).read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}", "name a readable password file") from error


def _base(port: DirectoryPort, base: str | None) -> DN:
    from directory.model.dn import DN

    if base is not None:
        return DN.parse(base)
    contexts = port.identity.naming_contexts
    return contexts[0] if contexts else DN.parse("")


# get -------------------------------------------------------------------------------------------


def _render_entry(document: Document) -> Iterable[str]:
    yield f"dn: {document['entry']['dn']}"
    yield from columns(("", ""), [(f"{n}:", v) for n, v in document["shown"]])


@operation(
    "directory", "get", render=_render_entry,
    example='edgesync directory get --server ad "CN=EDGE01,CN=Servers,..."',
)  # fmt: skip
def get(
    context: Context,
    dn: Annotated[str, Help("distinguished name, or the name of a server", metavar="DN")],
    *,
    server: ServerName = "AD",
    attribute: Annotated[tuple[str, ...], Help("only these attributes")] = (),
    raw: Annotated[bool, Help("binary values in base64 instead of words")] = False,
    url: Url = None,
    bind_dn: BindDn = None,
    password_file: PasswordFile = None,
) -> Outcome:
    """Show one entry, its binary values in words."""
    from edgesync.operations.decoding import entry_document, json_value, shown
    from edgesync.port.port import read

    with _port(context, server, url, bind_dn, password_file) as port:
        target = _named(context, dn, server, url)
        entry = read(port, target, attribute or ("*", "+"))
    if entry is None:
        raise NoSuchThing(f"no entry {target}", "edgesync directory search finds names")
    rows = [
        (name, str(json_value(name, value)) if raw else shown(name, value))
        for name, values in entry.attributes.items()
        for value in values
    ]
    document = {
        "schema": "edgesync.directory-entry/1",
        "entry": entry_document(entry),
        "shown": rows,
        "texts": {"ldif": _ldif([entry])},
    }
    return Outcome(document)


def _named(context: Context, dn: str, server: str, url: str | None) -> DN:
    """A DN, or a server's short name in the lab."""
    from directory.model.dn import DN

    if "=" in dn or url is not None:
        return DN.parse(dn)
    lab = context.lab
    names = lab.ad.names if server.upper() == "AD" else lab.edge(server).names
    return names.server(lab.server(dn).name)


def _ldif(entries: Iterable[Entry]) -> str:
    from directory.model.ldif_writer import format_ldif

    return "".join(format_ldif(entries))


# search ----------------------------------------------------------------------------------------


def _render_search(document: Document) -> Iterable[str]:
    for entry in document["entries"]:
        yield entry["dn"]
        for name, values in entry["attributes"].items():
            for value in values:
                text = value["base64"] if isinstance(value, dict) else value
                yield f"  {name}: {text if len(str(text)) <= 100 else str(text)[:100] + '…'}"


@operation(
    "directory", "search", render=_render_search, rows="entries",
    example="edgesync directory search '(cn=EDGE01)' --server ad --attribute serialNumber",
)  # fmt: skip
def search(
    context: Context,
    filter_: Annotated[str, Help("RFC 4515 filter", metavar="FILTER")] = "(objectClass=*)",
    *,
    server: ServerName = "AD",
    base: Annotated[str | None, Help("where to start; the first naming context by default")] = None,
    scope: Annotated[Literal["base", "one", "sub"], Help("how far to look")] = "sub",
    attribute: Annotated[tuple[str, ...], Help("only these attributes")] = (),
    limit: Annotated[int, Help("most entries; 0 means all")] = 1000,
    url: Url = None,
    bind_dn: BindDn = None,
    password_file: PasswordFile = None,
) -> Outcome:
    """Find entries by an LDAP filter."""
    from itertools import islice

    from directory.model.filter import parse_filter
    from directory.model.messages import Scope, SearchRequest
    from edgesync.operations.decoding import entry_document
    from edgesync.port.port import iterate

    scopes = {"base": Scope.BASE, "one": Scope.ONE, "sub": Scope.SUBTREE}
    wanted = min(limit or ENTRIES_MAX, ENTRIES_MAX)
    with _port(context, server, url, bind_dn, password_file) as port:
        request = SearchRequest(_base(port, base), scopes[scope], parse_filter(filter_), attribute)
        found = list(islice(iterate(port, request), wanted + 1))
    notes = (f"stopped at {wanted} entries; use --limit 0 for all",) if len(found) > wanted else ()
    found = found[:wanted]
    document = {
        "schema": "edgesync.directory-search/1",
        "count": len(found),
        "entries": [entry_document(entry) for entry in found],
        "texts": {"ldif": _ldif(found)},
    }
    return Outcome(document, notes=notes)


# tree ------------------------------------------------------------------------------------------


def _render_tree(document: Document) -> Iterable[str]:
    def lines(node: dict[str, Any], indent: str, *, last: bool, top: bool) -> Iterator[str]:
        branch = "" if top else ("└─ " if last else "├─ ")
        yield f"{indent}{branch}{node['name']}"
        below = "" if top else indent + ("   " if last else "│  ")
        children = node["children"]
        for number, child in enumerate(children):
            end = number == len(children) - 1 and not node["more"]
            yield from lines(child, below, last=end, top=False)
        if node["more"]:
            yield f"{below}└─ … {node['more']} more"

    for root in document["roots"]:
        yield from lines(root, "", last=True, top=True)


@operation(
    "directory", "tree", render=_render_tree,
    example="edgesync directory tree --server EDGE01 --depth 3",
)  # fmt: skip
def tree(
    context: Context,
    base: Annotated[str | None, Help("where to start; all naming contexts by default")] = None,
    *,
    server: ServerName = "AD",
    depth: Annotated[int, Help("levels below each base")] = 3,
    url: Url = None,
    bind_dn: BindDn = None,
    password_file: PasswordFile = None,
) -> Outcome:
    """Show the directory information tree."""
    from directory.model.dn import DN

    with _port(context, server, url, bind_dn, password_file) as port:
        bases = [DN.parse(base)] if base else list(port.identity.naming_contexts)
        tops = [b for b in bases if not any(b.is_under(other) for other in bases)]
        roots = [_node(port, top, str(top), depth) for top in tops]
    return Outcome({"schema": "edgesync.directory-tree/1", "roots": roots})


def _node(port: DirectoryPort, dn: DN, name: str, depth: int) -> dict[str, Any]:
    from directory.model.messages import Scope, SearchRequest
    from edgesync.port.port import iterate

    children: list[dict[str, Any]] = []
    more = 0
    if depth > 0:
        found = iterate(port, SearchRequest(dn, Scope.ONE, attributes=("1.1",)))
        for number, entry in enumerate(found):
            if number < TREE_CHILDREN_MAX:
                children.append(_node(port, entry.dn, str(entry.dn.rdn), depth - 1))
            else:
                more += 1
    return {"dn": str(dn), "name": name, "children": children, "more": more}


# diff ------------------------------------------------------------------------------------------


def _render_diff(document: Document) -> Iterable[str]:
    rows = [(d["attribute"], d["left"], d["right"]) for d in document["differences"]]
    return columns(("Attribute", document["left"], document["right"]), rows)


@operation(
    "directory", "diff", render=_render_diff, rows="differences",
    example="edgesync directory diff HUB01 HUB01 --server ad --other-server EDGE01",
)  # fmt: skip
def diff(
    context: Context,
    left: Annotated[str, Help("DN, or a server's name", metavar="DN")],
    right: Annotated[str, Help("DN, or a server's name", metavar="DN")],
    *,
    server: ServerName = "AD",
    other_server: Annotated[
        str | None, Help("where the second entry is", completes="server")
    ] = None,
) -> Outcome:
    """Compare two entries attribute by attribute; exit code 3 when they differ."""
    from edgesync.errors import ExitCode
    from edgesync.operations.decoding import shown
    from edgesync.port.port import read

    second = other_server or server
    entries = []
    for name, where in ((left, server), (right, second)):
        with _port(context, where, None, None, None) as port:
            entry = read(port, _named(context, name, where, None))
        if entry is None:
            raise NoSuchThing(f"no entry {name} in {where}", "edgesync directory search")
        entries.append(entry)
    names = dict.fromkeys(n for entry in entries for n in entry.attributes)
    differences = [
        {
            "attribute": name,
            "left": ", ".join(shown(name, v) for v in entries[0].values(name)),
            "right": ", ".join(shown(name, v) for v in entries[1].values(name)),
        }
        for name in names
        if sorted(entries[0].values(name)) != sorted(entries[1].values(name))
    ]
    document = {
        "schema": "edgesync.directory-diff/1",
        "left": f"{server} {entries[0].dn}",
        "right": f"{second} {entries[1].dn}",
        "differences": differences,
    }
    return Outcome(document, ExitCode.NO if differences else ExitCode.OK)


# export and import -------------------------------------------------------------------------------


def _render_done(document: Document) -> Iterable[str]:
    yield f"{document['count']} entries {document['what']} {document['file']}"


@operation(
    "directory", "export", render=_render_done, remote=True,
    example="edgesync directory export ad.ldif --server ad",
)  # fmt: skip
def export(
    context: Context,
    file: Annotated[str, Help("LDIF file to write", metavar="FILE")],
    *,
    server: ServerName = "AD",
    base: Annotated[str | None, Help("only below this name")] = None,
    overwrite: Annotated[bool, Help("replace an existing file")] = False,
    url: Url = None,
    bind_dn: BindDn = None,
    password_file: PasswordFile = None,
) -> Outcome:
    """Write a subtree as LDIF content records, parents before children.

    The file is there when all of it is, readable by its owner only: it holds what AD holds.
    """
    from directory.model.ldif_writer import format_entry
    from directory.model.messages import SearchRequest
    from edgesync.certificates.private_files import written_beside
    from edgesync.port.port import iterate

    target = Path(file)
    if target.is_file() and not overwrite:
        raise RefusedByRule(f"{target} exists", "use --overwrite to replace it")
    count = 0
    with _port(context, server, url, bind_dn, password_file) as port:
        bases = [_base(port, base)] if base else list(port.identity.naming_contexts)
        tops = [b for b in bases if not any(b.is_under(other) for other in bases)]
        with written_beside(target) as out:
            out.write(b"version: 1\n")
            for top in tops:
                for entry in iterate(port, SearchRequest(top)):
                    out.write(f"\n{format_entry(entry)}".encode())
                    count += 1
                    if count % 1000 == 0:
                        context.progress({"phase": "export", "done": count})
    document = {
        "schema": "edgesync.directory-export/1", "count": count, "file": str(target),
        "what": "written to",
    }  # fmt: skip
    return Outcome(document)
