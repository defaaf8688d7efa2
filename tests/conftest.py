"""What holds for every test."""

import signal

for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
    # Started in the background or by nohup, the test run inherits ignored signals, and so would every command under
    # test, which respects that; the tests send these signals and want them heard.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)
