"""A lab for Python programs and tests: in this process, in virtual time, sockets only after ``up``.

```python
from edgesync import Lab

with Lab.new(preset="contoso", seed=7) as lab:
    lab.subscribe("EDGE01", site="Default-First-Site-Name")
    lab.sync.run(edge="EDGE01")
    assert lab.trust.check("HUB01", "EDGE01")
    lab.clock.advance(days=400)
```

Everything the command line does is here: ``lab.run("cert.renew", server="EDGE01")``. Refusals are
the exceptions of ``edgesync.errors``; an answer "no" is a value that is false.
"""

from __future__ import annotations

from edgesync.python_api.lab import Lab
from edgesync.python_api.results import Result, TrustResult

__all__ = ["Lab", "Result", "TrustResult"]
