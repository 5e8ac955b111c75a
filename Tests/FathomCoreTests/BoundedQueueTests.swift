import FathomCore
import Testing

@Suite struct BoundedQueueTests {
    @Test("items come out in the order they went in, and nil after the sender finished")
    func order() {
        let queue = BoundedQueue<Int>(capacity: 4)
        for item in 1...3 { #expect(queue.send(item)) }
        queue.finish()
        #expect(
            [queue.receive(), queue.receive(), queue.receive(), queue.receive()] == [1, 2, 3, nil])
        #expect(!queue.send(9))
    }

    @Test("a full queue blocks the sender until one item leaves")
    func blocks() {
        let queue = BoundedQueue<Int>(capacity: 2)
        let sender = JoinedThread(name: "sender") {
            for item in 0..<100 { queue.send(item) }
            queue.finish()
        }
        var received: [Int] = []
        while let item = queue.receive() {
            #expect(queue.fill <= 2)
            received.append(item)
        }
        sender.join()
        #expect(received == Array(0..<100))
    }

    @Test("a receiver that cancels lets a waiting sender go, with the item still the sender's")
    func cancel() {
        let queue = BoundedQueue<Int>(capacity: 1)
        #expect(queue.send(1))
        let results = BoundedQueue<Bool>(capacity: 1)
        let sender = JoinedThread(name: "sender") { results.send(queue.send(2)) }
        queue.cancel()
        #expect(results.receive() == false)
        sender.join()
        #expect(queue.receive() == nil)
    }
}
