"""Where Exchange keeps things in AD and ADAM: servers, sites, connectors, domains, recipients."""
