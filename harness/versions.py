"""Two versions of the project's own layers: a commit beside the project as it stands, and what compares them.

Only ``suites`` comes from the commit. The harness that measures is the present one on both sides, so that the layers
differ and nothing else does.
"""

import contextlib
import os
import subprocess
from typing import Iterator, List, Sequence

from harness.plan import Comparison
from harness.process import PROJECT
from harness.system.scratch import end_stale, scratch_folder

#: What names the newest stash, as git's own commands do.
STASH = "stash"

LABEL_LENGTH = 10

#: The folder in a scratch folder that git has checked a commit out in.
TREE = "tree"


class VersionError(ValueError):
    """A version that cannot be had; the message is one sentence with the remedy."""


def commit_of(revision: str, project: str = PROJECT) -> str:
    """Return the full name of the commit that ``revision`` (a git revision, or ``stash``) stands for.

    Raises :class:`VersionError` where there is none.
    """
    name = STASH + "@{0}" if revision == STASH else revision
    done = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", name + "^{commit}")
    if done.returncode == 0:
        return done.stdout.decode("ascii").strip()
    if _git(project, "rev-parse", "--git-dir").returncode:
        raise VersionError("--against: {} is no git checkout, so there is no other version of it".format(project))
    raise VersionError("--against {}: there is no such revision here: name a commit, a branch, a tag, or 'stash'; "
                       "'git log --oneline' lists them".format(revision))


def label_of(commit: str) -> str:
    """Return the short name of ``commit`` that cases carry."""
    return commit[:LABEL_LENGTH]


@contextlib.contextmanager
def checked_out(commit: str, project: str = PROJECT) -> Iterator[str]:
    """Yield a folder that holds ``suites`` as in ``commit`` and the harness as it stands; it is gone afterwards.

    The commit is checked out in a worktree of its own, so the project's files stay as they are. Raises
    :class:`VersionError`.
    """
    with scratch_folder() as folder, _worktree(commit, os.path.join(folder, TREE), project) as tree:
        view = os.path.join(folder, "view")
        os.mkdir(view)
        os.symlink(os.path.join(tree, "suites"), os.path.join(view, "suites"))
        os.symlink(os.path.join(project, "harness"), os.path.join(view, "harness"))
        yield view


@contextlib.contextmanager
def _worktree(commit: str, tree: str, project: str) -> Iterator[str]:
    try:
        done = _git(project, "worktree", "add", "--detach", tree, commit)
        if done.returncode:
            raise VersionError("--against {}: git could not check it out ({})".format(
                label_of(commit), done.stderr.decode("utf-8", "replace").strip().replace("\n", " ")))
        if not os.path.isdir(os.path.join(tree, "suites")):
            raise VersionError("--against {}: that commit has no suites".format(label_of(commit)))
        yield tree
    finally:
        _remove_worktree(tree, project)


def _remove_worktree(tree: str, project: str) -> None:
    # Twice --force: git keeps a worktree locked while it makes it, and one that was killed then leaves it so.
    _git(project, "worktree", "remove", "--force", "--force", tree)
    _git(project, "worktree", "prune")


def remove_left_behind(project: str = PROJECT) -> List[str]:
    """Remove the checkouts that killed runs have left, never that of a run at work; return their folders."""
    def forget(folder: str) -> None:
        with contextlib.suppress(VersionError):  # without git the files go all the same
            _remove_worktree(os.path.join(folder, TREE), project)

    return end_stale(forget)


def _git(project: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(["git", "-C", project] + list(arguments), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except OSError as error:
        raise VersionError("--against needs git: {}".format(error)) from None


def against(comparisons: Sequence[Comparison], label: str) -> List[Comparison]:
    """Return a comparison for each rival: its version ``label`` as the baseline, the present one as the rival.

    Baselines are layers of torch, which no commit of the project changes. A rival that stands in several comparisons
    with the same input is compared in each.
    """
    found = []
    for one in comparisons:
        for case in one.rivals:
            found.append(Comparison("{}-{}".format(one.id, case.slug), "{}: {}".format(one.title, case.name),
                                    case._replace(version=label), (case,),
                                    "The layer as it stands against itself in commit {}.".format(label),
                                    apart=True))
    ids = [one.id for one in found]
    return [one if ids.count(one.id) == 1 else one._replace(id="{}-{}".format(one.id, number))
            for number, one in enumerate(found, 1)]
