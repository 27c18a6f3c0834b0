"""Which variable's value comes from which, in the code of a function (GraphCodeBERT)."""
