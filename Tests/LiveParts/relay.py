#!/usr/bin/python3
"""A bad network between two programs of this machine: it delays, reorders, loses, slows, hangs and cuts.

  relay.py tcp|udp --to HOST:PORT [--port PORT] [--delay MS] [--jitter MS] [--rate KBIT]
           [--loss PERCENT] [--reorder PERCENT] [--seed N]          (loss and reordering: udp only)

Commands on standard input, one a line: `delay MS`, `jitter MS`, `rate KBIT` (0: no limit), `loss PERCENT`,
`reorder PERCENT`, `hang`, `resume`, `cut` (resets what is connected), `refuse`, `accept`, `garble BYTES` (random
bytes to the client in the middle of the stream).
Events: READY address=127.0.0.1:PORT, OPENED|CLOSED connection=N, DONE command=..., and at the end
COUNTS passed=N lost=N reordered=N
"""
import argparse
import heapq
import itertools
import random
import select
import socket
import struct
import threading
import time

import part


class Weather:
    """How bad the network is at the moment; commands change it."""

    def __init__(self, a):
        self.delay, self.jitter, self.rate = a.delay, a.jitter, a.rate
        self.loss, self.reorder = a.loss, a.reorder
        self.random = random.Random(a.seed)
        self.flowing = threading.Event()
        self.flowing.set()
        self.passed = self.lost = self.reordered = 0

    def latency(self):
        """Seconds that the next piece takes."""
        return (self.delay + self.random.uniform(0, self.jitter)) / 1000

    def chance(self, percent):
        return self.random.uniform(0, 100) < percent

    def spend(self, count):
        """Waits as long as `count` bytes take on the line."""
        if self.rate > 0:
            time.sleep(count * 8 / (self.rate * 1000))


class Line:
    """One direction of one connection: pieces come out in their order, each after its delay."""

    def __init__(self, weather, source, target, closed):
        self.weather, self.source, self.target, self.closed = weather, source, target, closed
        self.pieces, self.more = [], threading.Condition()
        for work in (self.read, self.write):
            threading.Thread(target=work, daemon=True).start()

    def put(self, data):
        with self.more:
            # Not more than a network holds: a sender has to feel that the line is slow.
            self.more.wait_for(lambda: len(self.pieces) < 64 or data is None)
            earliest = self.pieces[-1][0] if self.pieces else 0
            self.pieces.append((max(earliest, time.monotonic() + self.weather.latency()), data))
            self.more.notify_all()

    def read(self):
        try:
            while True:
                self.weather.flowing.wait()
                data = self.source.recv(4096)
                self.put(data or None)
                if not data:
                    return
        except OSError:
            self.put(None)

    def write(self):
        while True:
            with self.more:
                self.more.wait_for(lambda: self.pieces)
                due, data = self.pieces.pop(0)
                self.more.notify_all()
            time.sleep(max(0, due - time.monotonic()))
            self.weather.flowing.wait()
            if data is None:
                return self.closed()
            self.weather.spend(len(data))
            try:
                self.target.sendall(data)
                self.weather.passed += 1
            except OSError:
                return self.closed()


class StreamRelay:
    """TCP connections."""

    def __init__(self, a, weather):
        self.to, self.weather = a.to, weather
        self.connections, self.count = {}, 0
        self.listener = self.listen(a.port)
        self.port = self.listener.getsockname()[1]

    def listen(self, port):
        listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()
        return listener

    def serve(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.to)
            except OSError:
                self.reset(client)
                continue
            self.count += 1
            number = self.count
            self.connections[number] = (client, server)
            part.say("OPENED", connection=number)
            for source, target in ((client, server), (server, client)):
                Line(self.weather, source, target, lambda number=number: self.close(number))

    @staticmethod
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def close(self, number):
        pair = self.connections.pop(number, None)
        if pair:
            for connection in pair:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                connection.close()
            part.say("CLOSED", connection=number)

    def cut(self):
        for number, pair in list(self.connections.items()):
            self.connections.pop(number, None)
            for connection in pair:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Shut down first: a thread that reads it would keep it open.
                try:
                    connection.shutdown(socket.SHUT_RD)
                except OSError:
                    pass
                connection.close()
            part.say("CLOSED", connection=number)

    def refuse(self):
        # Wakes the thread that accepts, which would keep the port open otherwise.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        self.listener = self.listen(self.port)

    def garble(self, count):
        for client, _ in list(self.connections.values()):
            client.sendall(self.weather.random.randbytes(count))


class DatagramRelay:
    """UDP in both directions; the last client that sent something gets the answers."""

    def __init__(self, a, weather):
        self.to, self.weather = a.to, weather
        self.outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.outside.bind(("127.0.0.1", a.port))
        self.inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.inside.bind(("127.0.0.1", 0))
        for one in (self.outside, self.inside):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            one.setblocking(False)
        self.port = self.outside.getsockname()[1]
        self.client = None
        self.waiting, self.order = [], itertools.count()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            rest = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else 1
            ready, _, _ = select.select([self.outside, self.inside], [], [], min(rest, 1))
            for one in ready:
                self.take(one)
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, _, one, data = heapq.heappop(self.waiting)
                self.send(one, data)

    def take(self, one):
        while True:
            try:
                data, address = one.recvfrom(65536)
            except OSError:
                return
            weather = self.weather
            if one is self.outside:
                self.client = address
            if not weather.flowing.is_set() or weather.chance(weather.loss):
                weather.lost += 1
                continue
            due = time.monotonic() + weather.latency()
            if weather.chance(weather.reorder):
                weather.reordered += 1
                due += 0.02
            heapq.heappush(self.waiting, (due, next(self.order), one, data))

    def send(self, one, data):
        self.weather.spend(len(data))
        try:
            if one is self.outside:
                self.inside.sendto(data, self.to)
            elif self.client:
                self.outside.sendto(data, self.client)
            self.weather.passed += 1
        except OSError:
            self.weather.lost += 1


def main():
    parser = argparse.ArgumentParser(description="a bad network")
    parser.add_argument("kind", choices=("tcp", "udp"))
    parser.add_argument("--to", required=True, help="HOST:PORT")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    for name in ("delay", "jitter", "rate", "loss", "reorder"):
        parser.add_argument(f"--{name}", type=float, default=0)
    a = parser.parse_args()
    host, port = a.to.rsplit(":", 1)
    a.to = (host, int(port))
    weather = Weather(a)
    relay = StreamRelay(a, weather) if a.kind == "tcp" else DatagramRelay(a, weather)
    commands = {"hang": weather.flowing.clear, "resume": weather.flowing.set}
    if a.kind == "tcp":
        commands.update(cut=relay.cut, refuse=relay.refuse, accept=relay.accept,
                        garble=lambda count: relay.garble(int(count)))
    for name in ("delay", "jitter", "rate", "loss", "reorder"):
        commands[name] = lambda value, name=name: setattr(weather, name, float(value))
    part.watch(lambda word, *values: commands[word](*values))
    part.at_end(lambda: part.say(
        "COUNTS", passed=weather.passed, lost=weather.lost, reordered=weather.reordered))
    part.say("READY", address=f"127.0.0.1:{relay.port}")
    part.rest()


if __name__ == "__main__":
    main()
