public enum DepthKind: String, Sendable { case inverseDepth = "inverse-depth", depth, metres }
