"""What a run says, held by PID 1 outside of its heap: every later run is a copy of that heap."""

import mmap
import os


class OffHeap:
    """Some bytes of a run, in memory that goes back to the kernel as a whole; they are never copied."""

    def __init__(self, size: int) -> None:
        """Make room for `size` bytes, 1 or more."""
        self._memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._filled = 0

    def __len__(self) -> int:
        return self._filled

    def fill(self, fd: int) -> bool:
        """Read once from a descriptor; False if nothing comes now, or nothing more has room."""
        with memoryview(self._memory) as whole, whole[self._filled :] as room:
            try:
                count = os.readv(fd, [room])
            except BlockingIOError:
                return False
        self._filled += count
        return count > 0

    def view(self) -> memoryview:
        """Return what has been read; it must be let go of before `forget`."""
        return memoryview(self._memory)[: self._filled]

    def forget(self) -> None:
        """Give the memory back."""
        self._memory.close()
