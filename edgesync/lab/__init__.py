"""One lab: its description, its servers, its clock, its folder."""
