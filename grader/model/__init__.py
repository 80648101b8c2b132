"""Data types: what is graded, what grading says, and the words and errors of the package. Nothing runs here."""
