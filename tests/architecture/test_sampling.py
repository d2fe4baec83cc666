"""A second Python plays every test, and of those marked ``sampled`` a share of the cases."""

import pytest

from tests.sampling import sampled


class Item:
    """A collected test, as far as it is asked."""

    def __init__(self, nodeid, marked):
        self.nodeid, self.marked = nodeid, marked

    def get_closest_marker(self, name):
        return object() if name == "sampled" and self.marked else None


ITEMS = [Item("a.py::test_one[{}]".format(number), True) for number in range(9)] + [
    Item("a.py::test_two[{}]".format(number), False) for number in range(9)] + [
    Item("b.py::test_one[{}]".format(number), True) for number in range(3)] + [Item("b.py::test_alone", True)]


@pytest.mark.parametrize("one_in", [1, 4])
def test_of_each_marked_test_the_first_case_and_a_share_is_played_and_every_other_test_whole(one_in):
    kept, left = sampled(ITEMS, one_in)
    wanted = [one.nodeid for one in ITEMS if not one.marked or one.nodeid in (
        "a.py::test_one[0]", "a.py::test_one[4]", "a.py::test_one[8]", "b.py::test_one[0]", "b.py::test_alone")]
    assert [one.nodeid for one in kept] == ([one.nodeid for one in ITEMS] if one_in == 1 else wanted)
    assert sorted(one.nodeid for one in kept + left) == sorted(one.nodeid for one in ITEMS)
