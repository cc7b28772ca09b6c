"""Exchange's certificate cmdlets as functions over one server; one file per verb."""
