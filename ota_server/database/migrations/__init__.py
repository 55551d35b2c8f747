"""The steps from one schema to the next, in order; each is named by its number.

A new step: change ``schema.py``, add ``r0002_what_it_does.py`` with ``revision``, ``down_revision`` and
``upgrade``, raise ``revision.HEAD``. A test compares what the steps make with ``schema.py``.
"""
