"""What operators do, once for commands, API and pages: each checks who asks, and is written down.

The packages below (``devices``, ``rollouts``, ``security``, ``notify``, ``operators``) know no
permissions; nothing outside this package calls them on behalf of a person.
"""
