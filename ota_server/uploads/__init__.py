"""Publishing over the network: what is uploaded is served only once a device would accept it (B11)."""
