"""What every estimator keeps to; a test class inherits it and gives one fixture, ``estimator``."""

import pickle

import torch

ROWS = torch.tensor([7, 0, 3, 12, 5, 9])  # of the training set, in column order


class EstimatorContract:
    def test_it_has_the_name_that_stands_for_it_in_a_configuration(self, estimator):
        assert isinstance(estimator.name, str)
        assert estimator.name

    def test_scores_are_finite_and_of_the_requested_shape(self, estimator):
        scores = estimator.relevance(ROWS, ROWS)
        assert scores.shape == (6, 6)
        assert scores.is_floating_point()
        assert scores.isfinite().all()

    def test_a_workers_rows_are_those_of_the_whole(self, estimator):
        whole = estimator.relevance(ROWS, ROWS)
        torch.testing.assert_close(estimator.relevance(ROWS[2:4], ROWS), whole[2:4])

    def test_rows_in_another_order_give_the_same_scores_in_that_order(self, estimator):
        order = torch.tensor([4, 2, 0, 5, 1, 3])
        shuffled = estimator.relevance(ROWS[order], ROWS[order])
        wanted = estimator.relevance(ROWS, ROWS)[order][:, order]
        torch.testing.assert_close(shuffled, wanted, atol=1e-5, rtol=1e-5)

    def test_it_tells_which_candidates_it_has_judged(self, estimator):
        judged = estimator.judged(ROWS)
        assert judged is None or (judged.dtype == torch.bool and judged.shape == (6,))

    def test_no_gradient_flows_through_it(self, estimator):
        assert not estimator.relevance(ROWS, ROWS).requires_grad

    def test_called_twice_it_says_the_same(self, estimator):
        assert torch.equal(estimator.relevance(ROWS, ROWS), estimator.relevance(ROWS, ROWS))

    def test_it_can_be_sent_to_another_process(self, estimator):
        copy = pickle.loads(pickle.dumps(estimator))
        assert torch.equal(copy.relevance(ROWS, ROWS), estimator.relevance(ROWS, ROWS))
