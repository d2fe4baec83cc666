"""A suite to be put into a copy of the project: one layer whose work a commit can change."""

from harness.plan import Case, Comparison, Subject, Suite

PRODUCTS = 10


def layer(case, x):
    """As many products as the version of this file says, the same answer for every version."""
    import torch

    matrix = torch.eye(192)
    batch = x.reshape(192, 192)

    def call():
        found = batch
        for _ in range(PRODUCTS):
            found = torch.mm(found, matrix)
        return found.reshape(x.shape)

    return Subject(call, lambda double: double, implementation="{} products".format(PRODUCTS))


def comparisons(target):
    cases = [Case(name, "", "suites.versioned_layers:layer", (1, 192, 192), device=target.device,
                  threads=target.threads) for name in ("conv", "layer")]
    return [Comparison("c", "Products", cases[0], (cases[1],))]


SUITE = Suite("versioned", "for the tests of --against", comparisons)
