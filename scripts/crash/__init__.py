"""Kill the program at every write it makes, and at random moments; judge what is left behind.

The victim is a process of its own that runs the ``edgesync`` command. The seam is outside of the
program: strace attaches to the victim and delivers SIGKILL when it *enters* its n-th pwrite,
fsync, rename, unlink ... (``--inject=CALL:signal=KILL:when=n``), so that the call does not happen
and everything before it has. A first run without a kill counts the calls; each is a boundary.
The same seam refuses writes (``error=ENOSPC``) for the disk-full campaign. Nothing in the product
knows of it.
"""
