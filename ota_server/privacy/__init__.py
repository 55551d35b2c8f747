"""What is kept about devices, their owners and operators: why, how long, and how it goes."""
