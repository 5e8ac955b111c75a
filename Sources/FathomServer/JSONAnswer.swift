import Foundation

/// Answers in JSON.
enum JSONAnswer {
    /// A value as an answer; what is no number becomes null's neighbour: the words `nan`, `inf`, `-inf`.
    static func make(_ value: some Encodable, status: Int = 200) -> HTTPResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let data = (try? encoder.encode(value)) ?? Data("null".utf8)
        return HTTPResponse(status, type: "application/json", body: .bytes(Array(data)))
    }
}
