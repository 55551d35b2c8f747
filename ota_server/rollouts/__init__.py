"""Rollouts: a release for a group of devices, in waves that stop by themselves."""
