#!/usr/bin/python3
"""A TCP server that nobody gets anything useful from.

  mute_server.py silent     takes connections, reads nothing, says nothing
  mute_server.py full       its queue of connections is full: connecting hangs, as with an address nobody has
  mute_server.py garbage    sends random bytes to whoever connects, without end
  mute_server.py hangup     closes every connection at once

Events: READY address=127.0.0.1:PORT, CONNECTED count=N
"""
import argparse
import random
import socket
import threading

import part


def garble(connection):
    noise = random.Random(7)
    try:
        while True:
            connection.sendall(noise.randbytes(8192))
    except OSError:
        connection.close()


def main():
    part.watch()
    parser = argparse.ArgumentParser(description="a server of no use")
    parser.add_argument("kind", choices=("silent", "full", "garbage", "hangup"))
    parser.add_argument("--port", type=int, default=0)
    a = parser.parse_args()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", a.port))
    listener.listen(0 if a.kind == "full" else 16)
    kept = []
    if a.kind == "full":
        # With the queue full, Linux drops whoever else knocks.
        for _ in range(4):
            knocking = socket.socket()
            knocking.setblocking(False)
            knocking.connect_ex(listener.getsockname())
            kept.append(knocking)
    part.say("READY", address=f"127.0.0.1:{listener.getsockname()[1]}")
    if a.kind == "full":
        part.rest()
    while True:
        connection, _ = listener.accept()
        if a.kind == "hangup":
            connection.close()
        else:
            kept.append(connection)
        if a.kind == "garbage":
            threading.Thread(target=garble, args=(connection,), daemon=True).start()
        part.say("CONNECTED", count=len(kept))


if __name__ == "__main__":
    main()
