import FathomCore
import FathomDepth

/// A picture with what is known of its depth, at the source's size.
public struct DepthSample: Sendable {
    /// Names it in lists and reports, such as `kitchen_0004/00017`.
    public var name: String
    /// The scene or drive it is from; splits keep scenes together.
    public var scene: String
    /// 3×H×W, red, green and blue in 0…1 as stored (not linear light).
    public var picture: Tensor
    /// H×W metres along the optical axis, 0 where unknown, infinite where it is known that nothing is (the sky).
    public var depth: Tensor
    /// The camera, in pixels of this picture; nil where the data set doesn't say.
    public var intrinsics: CameraIntrinsics?
    /// Where the intrinsics are from, for people.
    public var intrinsicsSource = ""
    /// From the camera to the world, 4×4 row-major, metres; nil where unknown.
    public var pose: [Double]?
    /// 2×H×W, pixels to the right and down from this picture to the next of its clip; nil where unknown.
    public var flow: Tensor?
    /// The pictures before and after it in time (3×H×W each) and the other eye's, where asked for and there.
    public var neighbours: [Neighbour: Tensor] = [:]

    /// Another picture of the same moment or place.
    public enum Neighbour: String, Hashable, Sendable, CaseIterable {
        /// The picture before.
        case previous
        /// The picture after.
        case next
        /// The other camera of a stereo pair.
        case otherEye
    }

    /// Metres from this camera to the other eye's, positive where that is to the right.
    public var baseline: Float = 0

    /// Makes a sample of a picture (3×H×W) and its depth (H×W).
    public init(
        name: String, scene: String, picture: Tensor, depth: Tensor,
        intrinsics: CameraIntrinsics? = nil, pose: [Double]? = nil, flow: Tensor? = nil
    ) {
        self.name = name
        self.scene = scene
        self.picture = picture
        self.depth = depth
        self.intrinsics = intrinsics
        self.pose = pose
        self.flow = flow
    }
}

/// Samples by number. Reading one is a pure function of its number, so that any thread may.
public protocol DepthDataset: Sendable {
    /// What errors call it.
    var name: String { get }
    /// How many there are.
    var count: Int { get }
    /// The scene or drive a sample is from, without reading it.
    func scene(_ index: Int) -> String
    /// What lists call a sample, without reading it.
    func sampleName(_ index: Int) -> String
    /// Reads a sample; the error names its file and what is wrong with it.
    func sample(_ index: Int) throws(FathomError) -> DepthSample
    /// The sample that is `offset` pictures later in the same clip (earlier where negative); nil where there is none.
    func neighbour(of index: Int, by offset: Int) -> Int?
    /// The picture of the other eye (3×H×W) and its baseline; nil where there is none.
    func otherEye(_ index: Int) throws(FathomError) -> (picture: Tensor, baseline: Float)?
    /// What can be said of a sample without reading all of it: throws when a file is missing.
    func glance(_ index: Int) throws(FathomError)
}

extension DepthDataset {
    /// None: pictures without an order.
    public func neighbour(of index: Int, by offset: Int) -> Int? { nil }
    /// None: one eye.
    public func otherEye(
        _ index: Int
    ) throws(FathomError) -> (picture: Tensor, baseline: Float)? { nil }
    /// Nothing to check.
    public func glance(_ index: Int) throws(FathomError) {}
}

/// The parts of a data set.
public enum SplitName: String, Hashable, Sendable, CaseIterable {
    /// What weights are learnt from.
    case train
    /// What decides when to stop and which weights to keep.
    case validation
    /// What is judged at the end.
    case test
}
