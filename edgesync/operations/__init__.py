"""Everything a person can ask for, declared once: command line, API and console call these."""
