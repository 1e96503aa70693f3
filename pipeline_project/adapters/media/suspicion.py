"""Doubting frames that build on something lost; decoders mark only some of them."""

MAX_DOUBTED_FRAMES = 300


class Suspicion:
    """Tells sound frames from those that a failure may have spoilt.

    It begins with a packet that fails or a frame marked as damaged, holds for all packets after
    it, and ends with a whole keyframe; or, where keyframes are very far apart, once
    `MAX_DOUBTED_FRAMES` have passed and painted over most of what was lost.
    """

    def __init__(self) -> None:
        """Start without doubt."""
        self._since: int | None = None
        self._left = 0

    def begin(self, packet: int) -> None:
        """Doubt what comes from this packet, counted in the order of the file, and later ones."""
        self._since = packet if self._since is None else min(packet, self._since)
        self._left = MAX_DOUBTED_FRAMES

    def clears(self, packet: int, *, damaged: bool, whole: bool) -> bool:
        """Tell whether a frame is sound; call for every frame in order of presentation.

        Args:
            packet: the packet that it came from.
            damaged: whether the decoder marked it.
            whole: whether it is a keyframe, which builds on no other.
        """
        if damaged:
            self.begin(packet)
            return False
        if self._since is None or packet < self._since:
            return True
        self._left -= 1
        if whole or self._left <= 0:
            self._since = None
            return True
        return False
