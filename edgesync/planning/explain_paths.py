"""One path of the whole table, asked, followed to its attributes, and mended on a fork."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography import x509

from directory.clock import Clock
from edgesync.certificates.certificate import TransportCertificate
from edgesync.client_access.client_rules import ClientKind
from edgesync.errors import NoSuchThing
from edgesync.lab.lab import Lab
from edgesync.planning.all_paths import PathTester
from edgesync.planning.commands import Fork, Runner
from edgesync.planning.explain import Explanation
from edgesync.planning.explain_clients import tell_mail_access, tell_web
from edgesync.planning.explain_mail import tell_internal, tell_opportunistic
from edgesync.planning.explain_voice import tell_voice
from edgesync.planning.fixes import Fixes
from edgesync.planning.inquiry import Inquiry
from edgesync.planning.observation import Path
from edgesync.planning.path_chain import Ending, PathChain, described
from edgesync.planning.path_fixes import find_path_fixes
from edgesync.planning.paths import MEANING, PathRow, Question, questions

QUESTIONS_SHOWN_MAX = 6
"""Ends of a path that a refusal names."""

_TELL: dict[str, Callable[[Lab, PathRow, PathChain], Ending]] = {
    "hub-hub": tell_internal,
    "um-hub": tell_internal,
    "internet-edge": tell_opportunistic,
    "client-hub": tell_opportunistic,
    "client-https": tell_web,
    "cas-proxy": tell_web,
    "client-pops": tell_mail_access,
    "client-imaps": tell_mail_access,
    "gateway-um": tell_voice,
}
_GOOD = frozenset({"trusted", "anonymous"})


@dataclass(frozen=True, slots=True)
class PathInquiry:
    """Explains paths of one lab. ``clock`` measures handshakes only."""

    lab: Lab
    clock: Clock
    fork: Fork
    runner: Runner

    def explain(self, question: Question) -> Explanation:
        """Why a path works or does not, down to the attribute, and what mends it.

        Raises:
            NoSuchThing: there is no such path in this lab; names those there are.
        """
        asked = self.known(question)
        if asked.path in ("hub-edge", "edge-hub", "hub-adam"):
            return self._direct_trust(asked)
        row = PathTester(self.lab, self.clock).ask(asked)
        chain = PathChain(lab=self.lab)
        ending = _TELL.get(asked.path, _tell_local)(self.lab, row, chain)
        is_bad = ending.verdict not in _GOOD
        fixes = Fixes()
        if is_bad:
            fixes = find_path_fixes(
                self.lab, row, fork=self.fork, runner=self.runner, clock=self.clock
            )
        cause = _cause(self.lab, row, chain) if is_bad else ""
        return Explanation(
            asked.source, asked.target, asked.path, ending.verdict, ending.reason,
            tuple(chain.steps), ending.events, ending.pkix, cause, fixes.fix, fixes.alternatives,
            next=ending.next,
        )  # fmt: skip

    def known(self, question: Question) -> Question:
        """The question as the lab has it: names in their own case; a kind of client is a client.

        Raises:
            NoSuchThing: there is no such path in this lab.
        """
        there = [q for q in questions(self.lab) if q.path == question.path]
        kinds = [kind.value for kind in ClientKind if kind is not ClientKind.PROXY]
        for found in there:
            same_target = found.target.casefold() == question.target.casefold()
            source = question.source.casefold()
            if same_target and found.source.casefold() == source:
                return found
            if same_target and found.path == "client-https" and source in kinds:
                return Question(found.path, source, found.target)
        ends = [f"{q.source} {q.target}" for q in there[:QUESTIONS_SHOWN_MAX]]
        hint = f"there are {'; '.join(ends)}" if ends else f"no {MEANING[question.path]} here"
        raise NoSuchThing(
            f"no path {question.path} from {question.source} to {question.target}", hint
        )

    def _direct_trust(self, question: Question) -> Explanation:
        """Both directions of a path with direct trust; the one that fails is explained."""
        inquiry = Inquiry(self.lab, self.clock)
        way = Path.LDAPS if question.path == "hub-adam" else Path.SMTP
        pairs = [inquiry.pair(question.source, question.target, way)]
        if way is Path.SMTP:
            pairs.append(inquiry.pair(question.target, question.source, way))
        bad = next((pair for pair in pairs if inquiry.check(pair).is_bad), pairs[0])
        told = inquiry.explain(bad, fork=self.fork, runner=self.runner)
        look = (f"edgesync trust explain {bad.verifier} {bad.peer} --path {way.value}",)
        return replace(told, path=question.path, next=look)


def _cause(lab: Lab, row: PathRow, chain: PathChain) -> str:
    """What made it so: time, the latest change of what went wrong, or nobody."""
    if row.server is not None:
        shown = TransportCertificate(x509.load_der_x509_certificate(row.server))
        if shown.is_expired(lab.clock.now()):
            return f"time: {described(shown)}"
    return chain.cause or f"it is as {chain.origin} left it"


def _tell_local(lab: Lab, row: PathRow, chain: PathChain) -> Ending:
    """The administrator's ADAM: no TLS and no certificate, and no way in from elsewhere."""
    edge = row.question.target
    dn = lab.edge(edge).names.configuration
    chain.add(
        not row.reason,
        f"the administrator of {edge} opens ADAM on port {row.port} of that machine"
        + (f": {row.reason}" if row.reason else ""),
        f"naming context {dn}",
    )
    chain.add(None, "no TLS and no certificate: whoever is on the machine as its administrator is "
              "trusted by Windows; from elsewhere ADAM takes LDAPS on 50636")  # fmt: skip
    look = (f"edgesync directory tree --server {edge}",)
    if row.reason:
        return Ending("unreachable", "unreachable", next=look)
    return Ending("trusted", "trusted", next=look)
