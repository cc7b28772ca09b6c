"""Generated documentation: each module here whose name is a document's subject writes one or more.

A generator is a function without arguments that returns a whole document as text, registered with
``@document("name.md")``. ``scripts/docs`` finds the modules by itself; the same input gives the
same bytes, so that ``scripts/docs --check`` can tell a stale document from a current one.
"""
