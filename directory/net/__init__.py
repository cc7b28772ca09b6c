"""The only part of the directory that knows sockets."""
