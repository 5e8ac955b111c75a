import FathomCore

/// A tensor seen as groups of elements along one axis (or along several that follow each other).
struct AxisSpan {
    /// Elements of a group.
    let length: Int
    /// Elements from one of a group to the next.
    let stride: Int
    /// How many groups.
    let groups: Int

    /// The groups along one axis.
    init(_ shape: Shape, axis: Int) {
        self.init(shape, axes: axis..<axis + 1)
    }

    /// The groups along several axes.
    init(_ shape: Shape, axes: Range<Int>) {
        length = shape.dimensions[axes].reduce(1, *)
        stride = shape.dimensions[axes.upperBound...].reduce(1, *)
        groups = shape.dimensions[..<axes.lowerBound].reduce(1, *) * stride
    }

    /// The position of a group's first element.
    func start(_ group: Int) -> Int {
        group / stride * stride * length + group % stride
    }
}
