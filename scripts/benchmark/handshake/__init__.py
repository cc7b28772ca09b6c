"""Mutual TLS as direct trust has it: our server, the least a C server can do, and a client."""
