"""The release engineer's side: the only code that touches private keys."""
