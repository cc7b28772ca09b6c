"""The Edge Subscription: file, credentials, states."""
