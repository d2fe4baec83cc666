"""A chain fitted to a given dense matrix: alternating least squares, one factor at a time.

In a chain that obeys the rule every entry of the product is one product of weights. Two things follow.
The entries that one weight takes part in belong to it alone, so each least-squares step is a division per weight
and never a linear system. And cutting the chain after a factor leaves blocks of rank 1, so a matrix that *is*
such a product is recovered exactly by peeling off factors by best rank-1 fits; that is the start here, and
for any other matrix a far better one than noise. Chains admitted with ``strict=False`` have entries
with several paths; their steps solve the normal equations, from a random start.
Source: NeurIPS 2021 DeBut (arXiv 2203.13556), ALS initialisation: 5 to 10 sweeps, one sweep
runs through the factors once each way.
"""

from typing import List, NamedTuple, Sequence, Tuple

import torch

from suites.layers.debut.chain import Chain, Factor, path_counts, validate_chain
from suites.layers.debut.factors import apply_blocks, new_weight, product, transposed

# Normal equations of this many unknowns take gigabytes; larger factors with several paths are refused.
LARGEST_SYSTEM = 8192


class Fit(NamedTuple):
    """Fitted weights (blocks, r, s, t) and the relative Frobenius error at the start and after each sweep."""

    weights: List[torch.Tensor]
    errors: List[float]


def fit_chain(matrix: torch.Tensor, chain: Chain, sweeps: int = 5, start: str = "rank-1",
              strict: bool = True) -> Fit:
    """Return the factors of ``chain`` whose product approximates ``matrix`` (out features, in features).

    ``start`` is ``rank-1`` or ``random`` (normal with variance 1/2, from torch's global generator).
    Errors are ``|matrix - product| / |matrix|``, the start first, then one per sweep; they never grow but for
    rounding. Raises ``ValueError`` for a matrix of another size.
    """
    if start not in ("rank-1", "random"):
        raise ValueError("start must be 'rank-1' or 'random', not {!r}".format(start))
    if matrix.dim() != 2:
        raise ValueError("a chain is fitted to a matrix (out features, in features), not to shape {}: reshape it "
                         "first".format(tuple(matrix.shape)))
    factors = validate_chain(chain, matrix.shape[0], matrix.shape[1], strict=strict)
    target = matrix.detach()
    single = int(path_counts(factors).max()) == 1
    if single and start == "rank-1" and _nested(factors):
        weights = _peel(target, factors)
    else:
        weights = [new_weight(factor).to(target) for factor in factors]
    errors = [_error(target, weights)]
    for _ in range(sweeps):
        _sweep(target, weights, single)
        errors.append(_error(target, weights))
    return Fit(_balanced(weights), errors)


def _error(target: torch.Tensor, weights: Sequence[torch.Tensor]) -> float:
    norm = float(target.norm())
    return float((target - product(weights)).norm()) / norm if norm else float(product(weights).norm())


def _sweep(target: torch.Tensor, weights: List[torch.Tensor], single: bool) -> None:
    """Solve for every factor in turn, first to last and back, in place."""
    # What lies behind grows factor by factor; what lies ahead is recomputed, keeping it all would take gigabytes.
    right = _before(target, weights, 0)
    for index in range(len(weights)):
        weights[index] = _solve(weights, index, _after(target, weights, index), right, single)
        right = apply_blocks(right, weights[index])
    left = _after(target, weights, len(weights) - 1)
    for index in reversed(range(len(weights) - 1)):
        left = apply_blocks(left, transposed(weights[index + 1]))
        weights[index] = _solve(weights, index, left, _before(target, weights, index), single)


def _before(target: torch.Tensor, weights: Sequence[torch.Tensor], index: int) -> torch.Tensor:
    """Return the product of the factors before ``index``, (1, q, in features)."""
    right = torch.eye(target.shape[1], dtype=target.dtype, device=target.device).unsqueeze(0)
    for weight in weights[:index]:
        right = apply_blocks(right, weight)
    return right


def _after(target: torch.Tensor, weights: Sequence[torch.Tensor], index: int) -> torch.Tensor:
    """Return the factors after ``index``, transposed, times the target, (1, p, in features)."""
    left = target.unsqueeze(0)
    for weight in reversed(weights[index + 1:]):
        left = apply_blocks(left, transposed(weight))
    return left


def _solve(weights: Sequence[torch.Tensor], index: int, left: torch.Tensor, right: torch.Tensor,
           single: bool) -> torch.Tensor:
    """Return the weight of factor ``index`` that fits best while all others stay as they are."""
    blocks, r, s, t = weights[index].shape
    columns = right.shape[2]
    # One matrix product per (block, t): what each weight's own entries of the target add up to.
    rows_view = left.reshape(blocks, r, t, columns).transpose(1, 2)
    columns_view = right.reshape(blocks, s, t, columns).transpose(1, 2)
    moment = torch.matmul(rows_view, columns_view.transpose(2, 3))
    if single:
        square = left.new_ones(1, _rows(weights[-1]), 1)
        for weight in reversed(weights[index + 1:]):
            square = apply_blocks(square, transposed(weight) ** 2)
        scale = square.reshape(blocks, r, t).transpose(1, 2).unsqueeze(3) * (columns_view ** 2).sum(3).unsqueeze(2)
        # A weight whose entries are all switched off by others has no influence; it stays what it was.
        old = weights[index].permute(0, 3, 1, 2)
        best = moment / scale.clamp(min=torch.finfo(scale.dtype).tiny)
        return torch.where(scale > 0, best, old).permute(0, 2, 3, 1)
    return _solve_system(weights, index, moment, right[0])


def _solve_system(weights: Sequence[torch.Tensor], index: int, moment: torch.Tensor,
                  right: torch.Tensor) -> torch.Tensor:
    blocks, r, s, t = weights[index].shape
    unknowns = blocks * r * s * t
    if unknowns > LARGEST_SYSTEM:
        raise ValueError("factor {} of this chain has {} weights that share entries of the product, too many to "
                         "solve for at once (limit {}): use a chain that obeys the rule".format(
                             index + 1, unknowns, LARGEST_SYSTEM))
    later = list(weights[index + 1:])
    rows = blocks * r * t
    left = product(later) if later else torch.eye(rows, dtype=right.dtype, device=right.device)
    block, k, i, j = torch.meshgrid(*[torch.arange(size, device=right.device) for size in (blocks, t, r, s)],
                                    indexing="ij")
    row = (block * r * t + i * t + k).flatten()
    column = (block * s * t + j * t + k).flatten()
    normal = (left.t() @ left)[row][:, row] * (right @ right.t())[column][:, column]
    solution = torch.linalg.pinv(normal, hermitian=True) @ moment.flatten()
    return solution.reshape(blocks, t, r, s).permute(0, 2, 3, 1)


def _rows(weight: torch.Tensor) -> int:
    return weight.shape[0] * weight.shape[1] * weight.shape[3]


def _nested(factors: Sequence[Factor]) -> bool:
    """Return whether every t is the product of the r before it, which the peeling below relies on."""
    t = 1
    for factor in factors:
        if factor.t != t:
            return False
        t *= factor.r
    return t == factors[-1].p


def _peel(target: torch.Tensor, factors: Sequence[Factor]) -> List[torch.Tensor]:
    """Return factors from best rank-1 fits, first factor first; exact for a matrix that has such factors.

    Before factor n the rest of the problem is t independent matrices, one per residue of the output
    index modulo t; node (residue, i, block) of the factor joins s inputs to the outputs of residue i t + k.
    """
    rest = target.reshape(1, target.shape[0], target.shape[1])
    weights = []
    for factor in factors[:-1]:
        pieces = rest.reshape(factor.t, -1, factor.r, factor.blocks, factor.s).permute(0, 2, 3, 1, 4)
        inputs, outputs = _rank_one(pieces)
        # (t, r, blocks, s) -> (blocks, r, s, t); the new residue is i t + k.
        weights.append(inputs.permute(2, 1, 3, 0).contiguous())
        rest = outputs.permute(1, 0, 3, 2).reshape(factor.r * factor.t, -1, factor.blocks)
    last = factors[-1]
    # rest is (t, r, s) with one block left.
    weights.append(rest.reshape(last.t, last.r, last.s).permute(1, 2, 0).unsqueeze(0).contiguous())
    return weights


def _rank_one(pieces: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return unit v (..., s) and u (..., outputs) with u v^T the best rank-1 fit of each (outputs, s) matrix."""
    gram = pieces.transpose(-1, -2) @ pieces
    inputs = torch.linalg.eigh(gram.double())[1][..., -1].to(pieces)
    return inputs, (pieces @ inputs.unsqueeze(-1)).squeeze(-1)


def _balanced(weights: Sequence[torch.Tensor]) -> List[torch.Tensor]:
    """Return ``weights`` rescaled to one root mean square, their product unchanged, so that none trains alone."""
    sizes = [weight.double().pow(2).mean().sqrt() for weight in weights]
    if min(float(size) for size in sizes) == 0.0:
        return list(weights)
    mean = torch.stack([size.log() for size in sizes]).mean().exp()
    return [weight * (mean / size).to(weight) for weight, size in zip(weights, sizes)]
