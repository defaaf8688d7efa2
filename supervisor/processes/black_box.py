"""The supervisor's end of a black box: memory that outlives the process that writes into it."""

import mmap
import os
from typing import Final

from protocols.control.black_box import BOX_BYTES, BoxContents, read_box

MAX_DUMP_BYTES: Final = 256 * 1024
"""So much of the dumps of one life is shown: a hundred threads of a hundred frames, and the tasks. Dumps that have
grown beyond this are thrown away before the next one, however often somebody asks for stacks."""


class BlackBox:
    """Two pieces of anonymous memory for one life of a child: what it notes, and the stacks that it dumps.

    Attributes:
        box_fd: the memory of the box, to be handed to the child.
        dump_fd: where its stacks go, to be handed to the child.
    """

    def __init__(self, name: str) -> None:
        self._is_closed = False
        self.box_fd = os.memfd_create(f"upbitd-box-{name}", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.box_fd, BOX_BYTES)
            self._memory = mmap.mmap(self.box_fd, BOX_BYTES)
            self.dump_fd = os.memfd_create(f"upbitd-dump-{name}", os.MFD_CLOEXEC)
        except OSError:
            os.close(self.box_fd)
            raise

    def contents(self) -> BoxContents:
        """Return what the child noted up to now, or up to its end; nothing once the box is closed."""
        if self._is_closed:
            return read_box(bytearray(BOX_BYTES))
        with memoryview(self._memory) as view:
            return read_box(view)

    def dump_size(self) -> int:
        """Return how many bytes of stacks were dumped; 0 once the box is closed."""
        return 0 if self._is_closed else os.fstat(self.dump_fd).st_size

    def dump_text(self, begin: int = 0) -> str:
        """Return the stacks that were dumped from a position on; the end of them when there is too much.

        A dump that was waited for is read after the child may have ended: nothing is left of a box that is closed.
        """
        size = self.dump_size()
        begin = max(begin, size - MAX_DUMP_BYTES)
        return os.pread(self.dump_fd, MAX_DUMP_BYTES, begin).decode("utf-8", "replace") if size > begin else ""

    def clear_dump(self) -> None:
        """Throw away the stacks that were dumped. The child writes on from the beginning: it has our file position."""
        if self._is_closed:
            return
        os.ftruncate(self.dump_fd, 0)
        os.lseek(self.dump_fd, 0, os.SEEK_SET)

    def close(self) -> None:
        """Give the memory back."""
        if self._is_closed:
            return
        self._is_closed = True
        self._memory.close()
        os.close(self.box_fd)
        os.close(self.dump_fd)
