"""A search from its configuration to its champion."""
