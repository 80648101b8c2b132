"""Views of score reports, one file a format."""
