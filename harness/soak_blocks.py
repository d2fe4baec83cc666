"""The turns of a soak: how long a block is, who is busy in which, and which blocks are the sustained part."""

from typing import List, Sequence, Tuple

from harness.record.lines import SoakBlock

#: The sustained part is the last third.
SUSTAINED_SHARE = 1.0 / 3.0

#: Pairs of blocks that an exact interval of level 0.01 needs: 2 x 2^-8 is below it, 2 x 2^-7 above.
LEAST_PAIRS = 8

MOST_BLOCK_S = 60.0
LEAST_BLOCK_S = 1.0


def block_length_s(soak_s: float) -> float:
    """Return the seconds of a block: a minute, or less so that the sustained part holds :data:`LEAST_PAIRS` pairs."""
    return max(LEAST_BLOCK_S, min(MOST_BLOCK_S, soak_s * SUSTAINED_SHARE / (2 * LEAST_PAIRS + 2)))


def entrant_of(block: int) -> int:
    """Return 0 (baseline) or 1 (rival) for a block: baseline, rival, rival, baseline, so heat hits both alike."""
    return (0, 1, 1, 0)[block % 4]


def pairs(blocks: Sequence[SoakBlock]) -> List[Tuple[SoakBlock, SoakBlock]]:
    """Return the pairs of neighbours, the baseline's block first."""
    found = []
    for index in range(0, len(blocks) - 1, 2):
        pair = (blocks[index], blocks[index + 1])
        found.append(pair if entrant_of(index) == 0 else (pair[1], pair[0]))
    return found


def sustained(blocks: Sequence[SoakBlock]) -> List[Tuple[SoakBlock, SoakBlock]]:
    """Return the pairs that lie wholly in the last third of the soak."""
    if not blocks:
        return []
    from_s = (1.0 - SUSTAINED_SHARE) * blocks[-1].end_s
    return [pair for pair in pairs(blocks) if min(pair[0].start_s, pair[1].start_s) >= from_s - 1e-9]
