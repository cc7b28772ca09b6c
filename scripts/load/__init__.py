"""Strangers who mean no good, a client who only wants an answer, and what it costs the server.

Each attack runs beside a probe: another process that asks one small question after the other. A
gauge reads the server's memory and descriptors from /proc meanwhile. Nothing is judged by time
here but that the probe is answered at all; the figures go into docs/performance-under-load.md.
"""
