"""Shapes of the tensors that travel between modules, checked at run time in tests.

Axes: q queries, c candidates (snippets scored against them), d vector dimensions.
"""

from jaxtyping import Float, Int
from torch import Tensor

Queries = Float[Tensor, "q d"]
Candidates = Float[Tensor, "c d"]
Logits = Float[Tensor, "q c"]  # similarity / temperature
Relevance = Float[Tensor, "q c"]  # an estimator's raw scores, higher is more alike
Weights = Float[Tensor, "q c"]  # w_ij of Eq. 4; 1 at each query's own answer
Answers = Int[Tensor, " q"]  # column of each query's own snippet
Loss = Float[Tensor, ""]
