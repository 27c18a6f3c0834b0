"""The configuration: sections, and the file they are read from."""
