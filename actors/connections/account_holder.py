"""Who uses an account, as others are told it; and the error of those who may not use it meanwhile."""

import msgspec

from protocols.errors import AuthenticationError


class AccountInUse(AuthenticationError):
    """Another tree uses the account, or nobody can tell whether one does."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as its file says; no key is in it.

    Attributes:
        pid: of the process, in its own container.
        run_dir: of its tree.
        name: the actor's.
    """

    pid: int
    run_dir: str
    name: str

    def __str__(self) -> str:
        return f"{self.name!r} of the tree in {self.run_dir} (pid {self.pid})"


def used_by(who: Holder | None) -> AccountInUse:
    """Make the error for an account whose lock file another tree holds."""
    if who is None:
        return AccountInUse(
            "the account is used by another tree that has not said which; stop that one or use other keys"
        )
    return AccountInUse(
        f"the account is used by {who}; stop that one (upbitd stop --run-dir {who.run_dir}) or use other keys"
    )


def used_by_process(pid: int, uid: int) -> AccountInUse:
    """Make the error for an account whose name in the kernel another process holds, and no lock file says which tree.

    Args:
        pid: 0 for one that this process cannot see, as in another container.
        uid: of its user.
    """
    who = f"process {pid}" if pid else "a process that cannot be seen from here"
    return AccountInUse(f"the account is used by {who} of user {uid}; stop its tree or use other keys")
