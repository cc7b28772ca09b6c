"""``scripts/compile``: the directory's hot modules as machine code, from the same source.

    scripts/compile                            # into build/compiled
    scripts/compile --run COMMAND ...          # a command whose Python imports what was built
    EDGESYNC_COMPILED=1 pip install .          # a wheel that has them (wheel_hook.py)

mypyc, which is part of mypy, makes C of typed modules, and a C compiler an extension module of
each, which Python prefers to the source beside it. Nothing is left in the source tree: what is
built is a copy of the package ``directory``, and a plain install stays plain. ``modules.py`` says
which modules and why; docs/adr/compiled-build.md what it gains and where the two languages differ.
"""
