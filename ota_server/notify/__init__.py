"""Telling people and programs what happened: subscriptions, how they are sent, and who watches."""
