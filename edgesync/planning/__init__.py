"""Four truths, the trust matrix, explanations, what-if and safe orders."""
