"""The device as a member of a fleet: enrolment, check-in, assignments, reports (ADR 0019)."""
