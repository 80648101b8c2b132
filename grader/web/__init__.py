"""The web application: students hand in and watch, assistants see the class. It has no logic of grading."""
