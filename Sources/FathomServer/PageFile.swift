import CPreviewPage

/// The page's files, which are part of the program.
enum PageFile {
    /// Every file by its path.
    static let all: [String: HTTPResponse] = {
        var count = 0
        guard let files = fathom_page_files(&count) else { return [:] }
        var all: [String: HTTPResponse] = [:]
        for file in UnsafeBufferPointer(start: files, count: count) {
            let bytes = Array(UnsafeBufferPointer(start: file.bytes, count: file.size))
            all[String(cString: file.path)] = HTTPResponse(
                type: String(cString: file.type), body: .bytes(bytes))
        }
        return all
    }()

    /// The page itself.
    static let index =
        all["/"] ?? HTTPResponse(HTTPRefusal(404, "The page is not part of this program."))
}
