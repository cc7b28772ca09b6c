"""SMTP between servers: receiver, sender, connectors, queue, protocol log."""
