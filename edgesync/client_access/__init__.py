"""The Client Access role."""
