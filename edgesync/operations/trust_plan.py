"""What-if on a fork, and plans that are searched and proved."""
