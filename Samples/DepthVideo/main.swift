// Makes a depth video in a program of one's own: depth-video drive.mp4 drive.depth.mp4
import Fathom
import Foundation
import Logging

guard CommandLine.arguments.count == 3 else {
    print("usage: depth-video INPUT OUTPUT")
    exit(64)
}
let (input, output) = (CommandLine.arguments[1], CommandLine.arguments[2])

do {
    var configuration = RunConfiguration()
    configuration.output = output
    configuration.layout = .stacked
    configuration.colormap = .turbo
    let targets = try RunTarget.plan(inputs: [input], configuration: configuration)
    let network = try Network(configuration.model)
    for target in targets {
        let job = RunJob(
            target, configuration: configuration, network: network, cancellation: Cancellation(),
            logger: Logger(label: "depth-video"))
        let (report, error) = job.run()
        if let error { throw error }
        print("\(output): \(report.framesOut) frames of \(report.framesIn)")
    }
} catch {
    print("\(error)")
    exit(1)
}
