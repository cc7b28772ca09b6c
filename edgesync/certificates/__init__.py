"""Issue, select, enable, renew and publish certificates; the machine store."""
