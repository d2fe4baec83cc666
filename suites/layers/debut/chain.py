"""DeBut factor chains as plain data: what a factor is, the chain rule, and the bipolar test.

A factor ``R^(p,q)_(r,s,t)`` is a p x q matrix made of p/(r t) diagonal blocks, each an r x s grid of
t x t diagonal matrices; it is written ``[p, q, r, s, t]``. A chain lists its factors in the order in
which they are applied, so the first has q = input features and the last p = output features
(NeurIPS 2021, arXiv 2203.13556, section 3). Nothing here imports torch.
"""

import json
import os
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

Chain = Sequence[Sequence[int]]


class Factor(NamedTuple):
    """One factor ``R^(p,q)_(r,s,t)``: p x q with p * s free weights."""

    p: int
    q: int
    r: int
    s: int
    t: int

    @property
    def blocks(self) -> int:
        """Diagonal blocks, each r t x s t."""
        return self.p // (self.r * self.t)

    @property
    def weights(self) -> int:
        """Free weights (nonzeros): p * s = q * r."""
        return self.p * self.s


def chain_weights(chain: Chain) -> int:
    """Return the number of free weights of ``chain``, biases not counted: the sum of p * s."""
    return sum(Factor(*factor).weights for factor in chain)


def chain_features(chain: Chain) -> Tuple[int, int]:
    """Return (output features, input features) of ``chain``."""
    return Factor(*chain[-1]).p, Factor(*chain[0]).q


def chain_from_pairs(pairs: Sequence[Tuple[int, int]]) -> List[List[int]]:
    """Return the chain whose factors have the given (r, s), first applied first.

    Any list of pairs gives a chain that obeys the rule: the product of the r is its output size, the
    product of the s its input size, and t is the product of the r before.
    """
    size = 1
    for _, s in pairs:
        size *= s
    chain, t = [], 1
    for r, s in pairs:
        chain.append([size // s * r, size, r, s, t])
        size, t = size // s * r, t * r
    return chain


def path_counts(chain: Chain) -> np.ndarray:
    """Return, for every (output, input) pair, through how many products of weights one reaches the other.

    Shape (output features, input features), int32. 0 is an entry the product can never fill; a chain
    that obeys the rule has exactly 1 everywhere.
    """
    factors = [Factor(*factor) for factor in chain]
    rows = factors[-1].p
    counts = np.eye(rows, dtype=np.int32)
    for factor in reversed(factors):
        grid = counts.reshape(rows, factor.blocks, factor.r, factor.t).sum(axis=2, dtype=np.int32)
        counts = np.repeat(grid[:, :, None, :], factor.s, axis=2).reshape(rows, factor.q)
    return counts


def bipolar_test(chain: Chain) -> float:
    """Return the share of product entries that weights of +1 and -1 can fill (1.0 passes the test)."""
    return float(np.count_nonzero(path_counts(chain))) / float(
        Factor(*chain[-1]).p * Factor(*chain[0]).q)


def validate_chain(chain: Chain, out_features: Optional[int] = None, in_features: Optional[int] = None,
                   strict: bool = True) -> Tuple[Factor, ...]:
    """Return ``chain`` as factors, or raise ``ValueError`` naming the offending factor in one sentence.

    Checked always: five positive whole numbers per factor, whole blocks (r t divides p, s t divides q,
    equally often), each factor taking what the one before gives, and the end sizes where given.
    ``strict`` also asks for the chain rule t(1) = 1, t(i+1) = r(i) t(i), last r t = p. The rule is
    sufficient, not necessary: a chain that breaks it but passes the bipolar test (no entry of the
    product forced to zero; it happens with s = 1) is accepted. ``strict=False`` admits the published
    chains that fail the test.
    """
    factors = _structure(chain)
    for wanted, found, word in ((in_features, factors[0].q, "takes"), (out_features, factors[-1].p, "gives")):
        if wanted is not None and wanted != found:
            place = 1 if word == "takes" else len(factors)
            raise ValueError("{} {} {} features where {} are wanted: use a chain made for this size".format(
                _name(factors, place - 1), word, found, wanted))
    if strict:
        fault = rule_break(factors)
        if fault is not None:
            share = bipolar_test(factors)
            if share < 1.0:
                raise ValueError("{}, so only {:.3g} % of the product can be non-zero: correct it, or pass "
                                 "strict=False to use the chain all the same".format(fault, 100.0 * share))
    return factors


def rule_break(factors: Sequence[Factor]) -> Optional[str]:
    """Return which factor first breaks the rule on t, and how, or ``None``."""
    t = 1
    for index, factor in enumerate(factors):
        if factor.t != t:
            return "{} has t = {} where the chain rule asks for {}".format(_name(factors, index), factor.t, t)
        t *= factor.r
    if t != factors[-1].p:
        return "{} has r t = {} where the chain rule asks for its p = {}".format(
            _name(factors, len(factors) - 1), t, factors[-1].p)
    return None


def published_chains(network: Optional[str] = None) -> Any:
    """Return the published chains: of one network (a list of chains), or all as {network: chains}.

    Raises ``ValueError`` for any other network.

    Sources: NeurIPS 2021 DeBut (paper, appendix) and All-DeBut (arXiv 2311.08125) chain files.
    """
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "chains.json")) as stream:
        networks = json.load(stream)["networks"]
    if network is None:
        return networks
    if network not in networks:
        raise ValueError("no published chains for '{}': there are {}".format(network, ", ".join(sorted(networks))))
    return networks[network]


def _name(factors: Sequence[Sequence[int]], index: int) -> str:
    return "factor {} of {}, {}".format(index + 1, len(factors), list(factors[index]))


def _structure(chain: Chain) -> Tuple[Factor, ...]:
    if not isinstance(chain, (list, tuple)) or not chain:
        raise ValueError("a chain is a list of factors [p, q, r, s, t] with at least one factor")
    factors = []  # type: List[Factor]
    for index, item in enumerate(chain):
        if not isinstance(item, (list, tuple)) or len(item) != 5 or not all(
                isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in item):
            raise ValueError("factor {} of {}, {!r}, must be five positive whole numbers [p, q, r, s, t]".format(
                index + 1, len(chain), item))
        factor = Factor(*item)
        if factor.p % (factor.r * factor.t) or factor.q % (factor.s * factor.t):
            raise ValueError("{}: r t must divide p and s t must divide q".format(_name(chain, index)))
        if factor.p // (factor.r * factor.t) != factor.q // (factor.s * factor.t):
            raise ValueError("{}: p/(r t) = {} and q/(s t) = {} must be equal, both are its number of blocks".format(
                _name(chain, index), factor.p // (factor.r * factor.t), factor.q // (factor.s * factor.t)))
        if factors and factor.q != factors[-1].p:
            raise ValueError("{} takes {} features where factor {} gives {}".format(
                _name(chain, index), factor.q, index, factors[-1].p))
        factors.append(factor)
    return tuple(factors)
