"""How foreign text is read: strictly, and in one form."""
