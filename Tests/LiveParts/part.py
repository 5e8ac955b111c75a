"""What every part of the live tests has in common: event lines, children, and an orderly end.

A part prints one line for each event, flushed, in the form `WORD key=value ...`; the first is READY with the
addresses that it took. SIGTERM and SIGINT end it with status 0 after `at_end` functions ran and children are gone.
With FATHOM_PART_TIED set it ends as soon as its standard input is closed, so that nothing outlives a test that dies.
"""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time

_endings = []
_children = []
_said = threading.Lock()
_ending = threading.Lock()
_stream = sys.stdout
_libc = ctypes.CDLL(None)


def say(word, **values):
    """Prints an event line."""
    line = " ".join([word] + [f"{key}={value}" for key, value in values.items()])
    with _said:
        print(line, file=_stream, flush=True)


def say_on(stream):
    """Has event lines go to another stream, for a part whose standard output carries pictures."""
    global _stream
    _stream = stream


def at_end(action):
    """Has something done when the part ends, after its children; the last one first."""
    _endings.append(action)


def _die_with_parent():
    """In a child, before it becomes its program: killed as soon as whoever started it is gone."""
    set_death_signal = 1
    _libc.prctl(set_death_signal, signal.SIGKILL)


def spawn(command, **options):
    """Starts a program that ends with the part, however the part ends; the terminal's Ctrl-C passes it by."""
    options.setdefault("stdin", subprocess.DEVNULL)
    child = subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_parent, **options)
    _children.append(child)
    return child


def stop(child, patience=3):
    """Ends a child: by TERM, after `patience` seconds by KILL."""
    if child.poll() is None:
        child.terminate()
        child.send_signal(signal.SIGCONT)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
    if child in _children:
        _children.remove(child)


def end(status=0):
    """Ends the part from any thread, once."""
    if not _ending.acquire(blocking=False):
        threading.Event().wait()
    for child in list(_children):
        stop(child)
    for action in reversed(_endings):
        action()
    sys.stdout.flush()
    os._exit(status)


def rest():
    """Keeps the main thread until the part is ended."""
    while True:
        threading.Event().wait()


def fail(message):
    """Says what is wrong and ends with status 1."""
    say("ERROR", message=message)
    end(1)


def watch(command=None):
    """Called first: turns signals, and a closed standard input if the part is tied to it, into an orderly end.

    `command` gets the words of each line of standard input, for parts that can be told what to do.
    """
    def asked(*_):
        # In a thread of its own: a signal may come while the main thread holds a lock that an ending needs.
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    tied = os.environ.get("FATHOM_PART_TIED")

    def listen():
        for line in sys.stdin:
            if command is not None and line.strip():
                try:
                    command(*line.split())
                    say("DONE", command=line.split()[0])
                except (TypeError, ValueError, KeyError, OSError) as error:
                    say("REFUSED", command=line.split()[0], reason=repr(error))
        if tied:
            end()

    if command is not None or tied:
        threading.Thread(target=listen, daemon=True).start()


def free_port(kind=socket.SOCK_STREAM):
    """A port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=10):
    """Waits until a condition holds; whether it came to that."""
    for _ in range(int(seconds * 50)):
        if condition():
            return True
        time.sleep(0.02)
    return False


def answers(port):
    """Whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def size_of(text):
    """`320x240` as two numbers."""
    width, height = (int(side) for side in text.split("x"))
    if width < 64 or height < 48 or width % 2 or height % 2:
        raise ValueError(f"{text}: even sides of at least 64x48 are needed")
    return width, height
