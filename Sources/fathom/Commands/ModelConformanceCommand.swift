import ArgumentParser
import Fathom

/// ONNX's own operator tests.
struct ModelConformanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conformance",
        abstract: "Run ONNX's own operator tests and count passed, failed and not claimed.")

    @Argument(
        help: ArgumentHelp(
            "A folder; every model.onnx with test_data_set folders below it is a case.",
            valueName: "folder"))
    var folder: String
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        let report = try Conformance(folder: folder).run()
        if json {
            try Terminal.json(report)
        } else {
            for remark in report.notClaimedCases {
                print("not claimed  \(remark.case): \(remark.reason)")
            }
            for remark in report.failedCases { print("failed  \(remark.case): \(remark.reason)") }
            print(
                "\(report.passed) passed, \(report.failed) failed, \(report.notClaimed) not claimed"
            )
        }
        if report.failed > 0 { throw ExitCode.failure }
    }
}
