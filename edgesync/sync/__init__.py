"""The EdgeSync engine: feeds, jobs, plans, leases, cookies."""
