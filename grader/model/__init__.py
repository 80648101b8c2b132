"""Data types: assignments, submissions, reports, records, and the package's texts and errors. Nothing runs here."""
