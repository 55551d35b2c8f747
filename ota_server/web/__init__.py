"""The doors: HTTP in, domain calls, HTTP out."""
