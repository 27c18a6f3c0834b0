"""The paper's tables and figures, trained anew and set beside its numbers."""
