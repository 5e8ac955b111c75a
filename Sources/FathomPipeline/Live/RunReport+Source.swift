extension RunReport {
    /// How a live source did.
    public struct Source: Sendable, Codable {
        /// Its address without a password.
        public var name: String
        /// Frames that the decoder gave.
        public var framesIn: Int
        /// Frames published with their depth.
        public var framesOut: Int
        /// Frames dropped, for any reason.
        public var framesDropped: Int
        /// Why frames were dropped: `slow`, `age`, `time`, `end`.
        public var drops: [String: Int]
        /// From arrival to publication, in milliseconds.
        public var ageMs: AgeStatistics
        /// How often it was connected again after a loss.
        public var reconnects: Int
        /// Jumps of its clock that were taken out.
        public var clockJumps: Int

        init(_ status: LiveStatus) {
            name = status.name
            framesIn = status.framesIn
            framesOut = status.framesOut
            framesDropped = status.framesDropped
            drops = status.drops
            ageMs = status.ageMs
            reconnects = status.reconnects
            clockJumps = status.clockJumps
        }
    }
}
