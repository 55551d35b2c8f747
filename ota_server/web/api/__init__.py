"""The operator API, ``/api/v1``: programs do what people do on the pages, by the same operations."""
