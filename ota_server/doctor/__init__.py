"""``ota-server doctor``: what is wrong, or will be, with how a server is set up."""
