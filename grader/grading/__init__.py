"""Grading: the pytest plugin, one submission, a student's own check, a class."""
