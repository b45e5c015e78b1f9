"""Custom reports: streams made from the setting ``custom_reports`` and the API's metadata of each report.

``discovery`` requests the metadata and makes the endpoints; ``stream`` runs the reports; ``report_parameters`` and
``date_windows`` make the requests, ``rows`` the records. ``listing`` is ``--list-reports``.
"""
