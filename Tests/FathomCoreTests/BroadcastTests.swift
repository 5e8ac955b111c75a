import FathomCore
import Testing

@Suite struct BroadcastTests {
    @Test("every subscriber gets every item, then the end")
    func everyItem() {
        let broadcast = Broadcast<Int>()
        let one = broadcast.subscribe(capacity: 8)
        let other = broadcast.subscribe(capacity: 8)
        for item in 1...5 { broadcast.publish(item) }
        broadcast.finish()
        for subscription in [one, other] {
            var received: [Int] = []
            while let item = subscription.next() { received.append(item) }
            #expect(received == [1, 2, 3, 4, 5])
            #expect(subscription.dropped == 0)
        }
    }

    @Test("a slow subscriber keeps the newest items, loses the oldest, and is told how many")
    func slow() {
        let broadcast = Broadcast<Int>()
        let slow = broadcast.subscribe(capacity: 2)
        let quick = broadcast.subscribe(capacity: 100)
        for item in 1...100 { broadcast.publish(item) }
        broadcast.finish()
        #expect([slow.next(), slow.next(), slow.next()] == [99, 100, nil])
        #expect(slow.dropped == 98)
        #expect(quick.dropped == 0)
    }

    @Test("a subscriber that asked for it is waited for, and loses nothing")
    func waits() {
        let broadcast = Broadcast<Int>()
        let patient = broadcast.subscribe(capacity: 1, waits: true)
        let sender = JoinedThread(name: "sender") {
            for item in 0..<200 { broadcast.publish(item) }
            broadcast.finish()
        }
        var received: [Int] = []
        while let item = patient.next() { received.append(item) }
        sender.join()
        #expect(received == Array(0..<200))
    }

    @Test("a subscriber that left is forgotten, and holds nobody up")
    func leaves() {
        let broadcast = Broadcast<Int>()
        let leaving = broadcast.subscribe(capacity: 1, waits: true)
        #expect(broadcast.subscriberCount == 1)
        leaving.cancel()
        for item in 0..<10 { broadcast.publish(item) }
        #expect(broadcast.subscriberCount == 0)
        #expect(leaving.next() == nil)
    }

    @Test("who subscribes after the end gets the end")
    func late() {
        let broadcast = Broadcast<Int>()
        broadcast.finish()
        #expect(broadcast.subscribe().next() == nil)
    }
}

@Suite("Waiting that has an end") struct WaitingTests {
    @Test("an item put into a full queue pushes the oldest out")
    func put() {
        let queue = BoundedQueue<Int>(capacity: 2)
        #expect(queue.put(1) == nil)
        #expect(queue.put(2) == nil)
        #expect(queue.put(3) == 1)
        #expect(queue.receive() == 2)
        queue.finish()
        #expect(queue.put(4) == 4)
        #expect(queue.receive() == 3)
        #expect(queue.receive() == nil)
    }

    @Test("waiting for a while tells an item, nothing and the end apart")
    func receive() {
        let queue = BoundedQueue<Int>(capacity: 2)
        if case .nothing = queue.receive(seconds: 0.01) {} else { Issue.record("not nothing") }
        queue.put(7)
        if case .item(7) = queue.receive(seconds: 0.01) {} else { Issue.record("not the item") }
        queue.finish()
        if case .end = queue.receive(seconds: 60) {} else { Issue.record("not the end") }
    }

    @Test("draining takes all that waits, in its order")
    func drain() {
        let queue = BoundedQueue<Int>(capacity: 3)
        for item in 1...5 { queue.put(item) }
        #expect(queue.drain() == [3, 4, 5])
        #expect(queue.fill == 0)
    }

    @Test("a thread that goes on is told from one that has ended")
    func join() {
        let gate = BoundedQueue<Int>(capacity: 1)
        let thread = JoinedThread(name: "waits") { _ = gate.receive() }
        #expect(!thread.join(seconds: 0.01))
        gate.put(1)
        #expect(thread.join(seconds: 60))
    }

    @Test("turns are taken in the order in which they were asked for")
    func turns() {
        let turns = Turns()
        let order = BoundedQueue<Int>(capacity: 64)
        // Each of three threads takes eight turns; none has more than one turn before another that waits.
        let threads = (0..<3).map { number in
            JoinedThread(name: "turn") {
                for _ in 0..<8 { turns.take { _ = order.put(number) } }
            }
        }
        for thread in threads { thread.join() }
        let taken = order.drain()
        #expect(taken.count == 24)
        for number in 0..<3 { #expect(taken.count { $0 == number } == 8) }
    }

    @Test("back-off doubles up to its bound with a random part, and begins anew after a success")
    func backoff() {
        var backoff = Backoff(first: 1, most: 8)
        let waits = (0..<6).map { _ in backoff.next() }
        for (wait, due) in zip(waits, [1.0, 2, 4, 8, 8, 8]) {
            #expect((due / 2...due).contains(wait))
        }
        backoff.reset()
        #expect(backoff.next() <= 1)
    }
}
