"""Shapes of the tensors that travel between modules, checked at run time in tests.

Axes: q queries, c candidates (snippets scored against them), d vector dimensions.
"""

from jaxtyping import Bool, Float, Int
from torch import Tensor

Queries = Float[Tensor, "q d"]
Candidates = Float[Tensor, "c d"]
Logits = Float[Tensor, "q c"]  # similarity / temperature
Relevance = Float[Tensor, "q c"]  # an estimator's raw scores, higher is more alike
Shares = Float[Tensor, "q c"]  # s_ij of Eq. 4; rows sum to 1, 0 at each query's own answer
Marks = Bool[Tensor, "q c"]  # pairs that are known to be duplicates
Weights = Float[Tensor, "q c"]  # w_ij of Eq. 4; 1 at each query's own answer
Answers = Int[Tensor, " q"]  # column of each query's own snippet
Trust = Float[Tensor, " q"]  # weight of each query in the mean
Loss = Float[Tensor, ""]
QueryRows = Int[Tensor, " q"]  # row numbers of the training set
CandidateRows = Int[Tensor, " c"]
Judged = Bool[Tensor, " c"]  # candidates that an estimator has scores of its own for
Ranks = Float[Tensor, " q"]  # 1 is best; a half where two candidates tie

Number = int | float  # the run-time checker takes no int where a float is annotated
