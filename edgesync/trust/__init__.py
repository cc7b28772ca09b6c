"""Direct trust, PKIX verdicts and the TLS session."""
