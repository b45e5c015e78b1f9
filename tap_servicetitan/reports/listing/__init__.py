"""``--list-reports``: as text, as JSON, as entries of the setting custom_reports."""
