"""What releases contain, which of it is weak, and which devices run it (OWASP IoT item 4)."""
