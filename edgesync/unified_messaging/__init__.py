"""The Unified Messaging role."""
