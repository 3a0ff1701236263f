"""Weights on their way from PID 1 to the worker, which takes them while the next run goes on."""

import os


class Outgoing:
    """What is left of one file of weights; false once all of it is sent."""

    def __init__(self, stdout: int) -> None:
        """Send to `stdout`, a descriptor that does not block."""
        self._stdout = stdout
        self._file = -1
        self._offset = self._size = 0

    def __bool__(self) -> bool:
        return self._file >= 0

    def take(self, file: int) -> None:
        """Take over a descriptor whose content is to be sent; nothing else may be on its way."""
        assert not self
        self._file, self._offset, self._size = file, 0, os.lseek(file, 0, os.SEEK_END)
        self._close_if_sent()

    def send_some(self) -> None:
        """Send as much as the stream takes now; call it when the stream can be written to.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        try:
            self._offset += os.sendfile(self._stdout, self._file, self._offset, self._size - self._offset)
        except BlockingIOError:
            return
        self._close_if_sent()

    def forget(self) -> None:
        """Close what is left, unsent: a forked run must not hold the weights of the run before."""
        if self:
            os.close(self._file)
            self._file = -1

    def _close_if_sent(self) -> None:
        if self._offset == self._size:
            self.forget()
