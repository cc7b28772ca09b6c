"""``scripts/bench``: what the product costs, measured beside what people use today.

    scripts/bench [--entries 10000,100000] [--rounds 5] [--seconds 1] [--row WORDS]... [--growth]
                  [--json FILE] [--ldap-load FOLDER] [--nice N] [--build compiled] [--list]
    scripts/bench --document        # docs/performance.md from docs/performance.json

The load client is ours (``load_client``), or with ``--ldap-load`` lload.c of that folder, in C. The
JSON file keeps the results of other rows and sizes that it has already.

A row of the table is a value in ``ROWS`` of a module below ``rows/``; a new module there is found
by itself. A row says its name, its unit, its target and how to open its contenders:

    @contextmanager
    def _empty_poll(bench: Bench) -> Iterator[Contenders]:
        lab = ...                                   # built once, closed after the last round
        def poll() -> Sample:                       # one round
            ...
            return Sample(seconds * 1000, cpu_us=..., errors=...)
        yield {"edgesync": poll}                    # a second contender is what ours is compared to

    ROWS = (Row("an empty poll", "ms", _empty_poll, at_most(1)),)

The frame calls the contenders in turn, round after round, so that the machine's other work falls
on all alike. What counts is the median of the rounds, and for the ratio, the first contender's
figure divided by the second's, the median of the rounds' ratios. A target is ``at_least`` or
``at_most``, of the figure or with ``times="slapd"`` of the ratio. A row whose program is missing
raises ``NotHere("slapd")`` and is shown as not measured; a row that compares only when it can
yields one contender less.

``Bench`` has what rows share: ``entries``, ``seconds``, ``folder``, ``data`` (the recipients as
LDIF and canned requests), ``ours(...)`` and ``slapd(...)`` (servers with those entries, started
on first use) and ``load(server, "eq_sel", connections, depth)``, which loads a server and returns
the Sample. ``cpu_seconds(pid)`` and ``resident_octets(pid)`` are in ``servers``; there too is
``Server.watched()``, which tells what other clients notice of its block.

Nothing here is a test: it judges nothing and CI does not run it.
"""
