"""What was done and what happened: the audit log, and the events that people are told of."""
