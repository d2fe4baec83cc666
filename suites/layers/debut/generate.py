"""The automatic chain generator: a valid factor chain for any size that a chain can serve.

A valid chain is nothing but two factorisations of equal length, output size = product of the r and
input size = product of the s (see ``chain_from_pairs``). So every chain below is valid by construction
and what remains to be chosen is the order: *monotonic* chains only shrink (or only grow), *bulging*
ones first grow, then shrink (All-DeBut, arXiv 2311.08125).

For a 3x3 convolution with power-of-two channels and Co = Ci/2, Ci or 2 Ci the published recipe with
its "level" is followed number for number, save that its bulging branch, which emits sizes that do not
divide, uses the consistent ones: 9 Ci -> 12 Ci by (8, 6), -> 8 Ci by (4, 6). Everything else takes a
general recipe in the same spirit: odd parts are paired with the nearest power of two, the rest is
(2, 2), and what must shrink shrinks late.
"""

from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from suites.layers.debut.chain import Factor, chain_from_pairs, chain_weights

Pairs = List[Tuple[int, int]]
KINDS = ("monotonic", "bulging")


def chain_kind(chain: Sequence[Sequence[int]]) -> str:
    """Return ``monotonic``, ``bulging`` or ``other`` from the sizes that a chain passes through."""
    steps = [Factor(*factor) for factor in chain]
    grows = [step.p > step.q for step in steps if step.p != step.q]
    if len(set(grows)) <= 1:
        return "monotonic"
    return "bulging" if grows == sorted(grows, reverse=True) else "other"


def generate_chain(out_features: int, in_features: int, kind: str = "monotonic", level: Optional[int] = None,
                   kernel_size: int = 1, round_up: bool = False) -> List[List[int]]:
    """Return a valid chain from ``in_features`` (k * k * input channels for a convolution) to ``out_features``.

    ``level`` is the published "shrinking level" where the published recipe applies (3x3 kernel, powers of
    two, output = half, equal or double the input channels), elsewhere the number of factors; ``None``
    takes the level with the fewest weights. ``round_up`` is the published rounding rule: channels that
    are not powers of two are rounded up, the layers then pad and crop (``kernel_size`` says which part of
    ``in_features`` is channels); without it the ends are exact.
    Raises ``ValueError`` for a size where no chain holds fewer weights than the dense matrix, and for a
    level that the size cannot serve.
    """
    if kind not in KINDS:
        raise ValueError("kind must be 'monotonic' or 'bulging', not {!r}".format(kind))
    for word, value in (("out_features", out_features), ("in_features", in_features), ("kernel_size", kernel_size)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError("{} must be a positive whole number, not {!r}".format(word, value))
    if level is not None and (not isinstance(level, int) or isinstance(level, bool) or level < 1):
        raise ValueError("level must be a positive whole number or None, not {!r}".format(level))
    if in_features % kernel_size ** 2:
        raise ValueError("in_features {} must be {} x {} x input channels for kernel_size {}".format(
            in_features, kernel_size, kernel_size, kernel_size))
    if round_up:
        out_features = _next_power(out_features)
        in_features = kernel_size ** 2 * _next_power(in_features // kernel_size ** 2)
    by_level = _published(out_features, in_features, kind) or _general(out_features, in_features, kind)
    if not by_level:
        remedy = "keep the dense layer" if kind == "monotonic" else "use kind='monotonic' or keep the dense layer"
        if not round_up and (_split(out_features)[1] > 9 or _split(in_features)[1] > 9):
            remedy = "round the sizes up with round_up=True, or " + remedy
        raise ValueError("no {} chain from {} to {} features holds fewer weights than the dense matrix: {}".format(
            kind, in_features, out_features, remedy))
    if level is None:
        # Of equal weights the lowest level: fewer factors, fewer passes over memory.
        level = min(by_level, key=lambda n: (_weights(by_level[n]), n))
    if level not in by_level:
        raise ValueError("level {} cannot serve {} x {}: choose {} to {} for a {} chain".format(
            level, out_features, in_features, min(by_level), max(by_level), kind))
    return chain_from_pairs(by_level[level])


def _published(out_features: int, in_features: int, kind: str) -> Dict[int, Pairs]:
    """Return {level: pairs} by the published recipe, empty where it does not apply."""
    channels = in_features // 9
    if in_features % 9 or channels & (channels - 1) or out_features & (out_features - 1):
        return {}
    halvings = {2 * channels: 1, channels: 2}.get(out_features, 3)
    if halvings == 3 and 2 * out_features != channels:
        return {}
    by_level = {}
    # Levels below 3 have no meaning: first factor, halving and last factor are always there.
    for level in range(3, 64):
        if kind == "monotonic":
            repeats = max(0, level - {1: 3, 2: 5, 3: 5}[halvings])
            pairs = [(8, 9)] + [(2, 2)] * repeats + [(2, 4) if halvings == 3 else (1, 2)] * halvings
        else:
            repeats = max(0, level - {1: 4, 2: 6, 3: 6}[halvings])
            pairs = [(8, 6), (4, 6)] + [(2, 2)] * repeats + [(2, 4)] * halvings
        t = _product(r for r, _ in pairs)
        if t > out_features:
            break
        by_level[level] = pairs + [(out_features // t, 2 * out_features // t)]
    # On a handful of channels the recipe can exceed the dense matrix; the general one may still serve them.
    if min(map(_weights, by_level.values()), default=0) > out_features * in_features:
        return {}
    return by_level


def _general(out_features: int, in_features: int, kind: str) -> Dict[int, Pairs]:
    """Return {number of factors: pairs} of the chains that hold fewer weights than the dense matrix."""
    shrink = in_features >= out_features
    small, large = min(out_features, in_features), max(out_features, in_features)
    # The cut by weights alone ends in bare fan-outs such as (4, 1), so it comes only where the others fail.
    for candidates in (_shrinking(small, large), [_cut(small, large)]):
        by_level = _levels(candidates, small * large, kind, shrink)
        if by_level:
            break
    return by_level


def _levels(candidates: Sequence[Pairs], dense: int, kind: str, shrink: bool) -> Dict[int, Pairs]:
    by_level = {}  # type: Dict[int, Pairs]
    for finest in candidates:
        pairs = _bulged(finest) if kind == "bulging" else finest
        while pairs is not None and len(pairs) > 1:
            # The transpose of a shrinking chain grows: swap r and s, reverse the order.
            oriented = pairs if shrink else [(s, r) for r, s in reversed(pairs)]
            weights = _weights(oriented)
            # Equal weights (4 x 4, 4 x 8) are let through: the chain is valid and costs nothing more.
            if weights <= dense and weights < _weights(by_level.get(len(pairs))):
                by_level[len(pairs)] = oriented
            pairs = _merged(pairs, kind)
    return by_level


def _shrinking(small: int, large: int) -> List[Pairs]:
    """Return chains from ``large`` to ``small`` features as fine as they come; every r is at most its s."""
    twos_r, odd_r = _split(small)
    twos_s, odd_s = _split(large)
    found = []
    for groups_s in _groupings(odd_s):
        for groups_r in _groupings(odd_r):
            first, last, left_r, left_s = [], [], twos_r, twos_s
            for group in groups_s:
                power = min(left_r, group.bit_length() - 1)
                left_r -= power
                first.append((2 ** power, group))
            for group in groups_r:
                power = group.bit_length()
                left_s -= power
                last.append((group, 2 ** power))
            if 0 <= left_r <= left_s:
                found.append(first + _powers(left_r, left_s) + last)
    power = max(0, (odd_r - 1).bit_length() - odd_s.bit_length())
    while odd_s << power < odd_r:
        power += 1
    if 0 <= twos_r <= twos_s - power:
        found.append(_powers(twos_r, twos_s - power) + [(odd_r, odd_s << power)])
    return found


def _cut(r: int, s: int) -> Pairs:
    """Return (r, s) cut in two, and each part again, as long as that saves weights; every r stays at most its s."""
    best, choice = r * s, None
    for a in _divisors(r):
        for b in _divisors(s):
            # Weights of (a, b) then (r/a, s/b), up to the factor both share.
            weights = a * s + r * (s // b)
            if a <= b and r // a <= s // b and weights < best:
                best, choice = weights, (a, b)
    if choice is None:
        return [(r, s)]
    a, b = choice
    return _cut(a, b) + _cut(r // a, s // b)


def _powers(twos_r: int, twos_s: int) -> Pairs:
    """Return pairs (2, 2), the later ones (2, 4) and so on, with 2^twos_r -> r and 2^twos_s -> s in all."""
    if not twos_r:
        return [(1, 2)] * twos_s
    each, more = divmod(twos_s, twos_r)
    return [(2, 2 ** each)] * (twos_r - more) + [(2, 2 ** (each + 1))] * more


def _bulged(pairs: Pairs) -> Optional[Pairs]:
    """Return ``pairs`` with twos of r moved from the end to the first factor until it grows, or ``None``."""
    if not pairs:
        return None
    rs, ss = [r for r, _ in pairs], [s for _, s in pairs]
    while rs[0] <= ss[0]:
        donors = [index for index in range(1, len(rs)) if rs[index] % 2 == 0]
        if not donors:
            return None
        rs[donors[-1]] //= 2
        rs[0] *= 2
    bulged = [(rs[0], ss[0])]
    for r, s in zip(rs[1:], ss[1:]):
        # (2, 2) then (1, 2) is (2, 4): one factor less, the published way to halve.
        if r == 1 and len(bulged) > 1 and bulged[-1][0] > 1:
            bulged[-1] = (bulged[-1][0], bulged[-1][1] * s)
        else:
            bulged.append((r, s))
    return bulged


def _merged(pairs: Pairs, kind: str) -> Optional[Pairs]:
    """Return ``pairs`` with the two neighbours merged that cost least, the kind kept; ``None`` if none can be."""
    choices = []
    for index in range(len(pairs) - 1):
        (r, s), (next_r, next_s) = pairs[index:index + 2]
        merged = pairs[:index] + [(r * next_r, s * next_s)] + pairs[index + 2:]
        if len(merged) > 1 and chain_kind(chain_from_pairs(merged)) == kind:
            choices.append((_weights(merged), index, merged))
    return min(choices)[2] if choices else None


def _groupings(odd: int) -> List[List[int]]:
    """Return ways to write an odd number as factors: nines and primes, and whole."""
    groups, rest = [], odd
    while rest % 9 == 0:
        groups.append(9)
        rest //= 9
    divisor = 3
    while rest > 1:
        if divisor * divisor > rest:
            divisor = rest
        while rest % divisor == 0:
            groups.append(divisor)
            rest //= divisor
        divisor += 2
    ways = [sorted(groups), [odd] if odd > 1 else []]
    return ways if ways[0] != ways[1] else ways[:1]


def _divisors(number: int) -> List[int]:
    low = [divisor for divisor in range(1, int(number ** 0.5) + 1) if number % divisor == 0]
    return low + [number // divisor for divisor in reversed(low) if divisor * divisor != number]


def _split(number: int) -> Tuple[int, int]:
    twos = (number & -number).bit_length() - 1
    return twos, number >> twos


def _next_power(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _product(numbers: Iterable[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


def _weights(pairs: Optional[Pairs]) -> float:
    return chain_weights(chain_from_pairs(pairs)) if pairs else float("inf")
