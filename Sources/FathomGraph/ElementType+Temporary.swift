extension ElementType {
    var bits: Int {
        switch self {
        case .int64: 64
        case .float, .int32: 32
        case .int8, .uint8, .bool: 8
        }
    }
    var onnxCode: Int32 {
        switch self {
        case .float: 1
        case .uint8: 2
        case .int8: 3
        case .int32: 6
        case .int64: 7
        case .bool: 9
        }
    }
}
