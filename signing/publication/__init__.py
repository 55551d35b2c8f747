"""The steps of a publication, from signed roles to files that a server may show."""
