"""The operator API's doors, by noun; each calls one operation."""
