"""The sections of a configuration: every setting, bounded and described."""
