"""People and programs that steer the fleet: who they are, and what they may."""
