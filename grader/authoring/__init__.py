"""Writing assignments: from a skeleton to a release, with an audit of the checks."""
