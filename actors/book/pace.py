"""When the next frame is due. No clock: times are arguments, in seconds."""


class FramePace:
    """Frames at a fixed rate, by deadline: a frame that was a little late does not put off the ones after it.

    Args:
        fps: the most frames in a second.
        now_s: from when on.

    Attributes:
        due_s: when the next frame may be drawn.
        skipped: frames whose time went by while an earlier one was drawn late.
    """

    def __init__(self, fps: float, *, now_s: float) -> None:
        self._frame_s = 1 / fps
        self.due_s = now_s
        self.skipped = 0

    def drawn(self, *, now_s: float) -> None:
        """Note that a frame was drawn; by `now_s` it is out.

        Within one frame's time of its deadline the grid of deadlines holds; after a longer pause a new one begins.
        """
        late_s = now_s - self.due_s
        if late_s >= self._frame_s:
            self.skipped += int(late_s / self._frame_s)
            self.due_s = now_s
        self.due_s += self._frame_s
