"""RFC 4512 definitions, matching rules and the profiles generic, ad and adam."""
