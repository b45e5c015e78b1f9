"""Custom reports: streams whose columns and parameters only ServiceTitan knows, made from the setting of that name.

``config`` holds what a user writes, ``description`` what the API says of a report; ``parameters`` and ``schedule``
turn both into requests, ``stream`` runs them. ``discovery`` makes the streams, ``listing`` is ``--list-reports``.
"""
