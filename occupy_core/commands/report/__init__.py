"""The report of results: one HTML file that needs no network."""
