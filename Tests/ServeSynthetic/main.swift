// Serves made-up sources, so that the page can be looked at and clicked through without a camera:
// serve-synthetic HOST:PORT [TOKEN]
import Fathom
import Glibc
import Logging
import TestSupport

var configuration = LiveConfiguration()
configuration.serve = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:0"
configuration.token = CommandLine.arguments.dropFirst(2).first
let street = try SyntheticFeed(name: "rtsp://camera.example/street", width: 640, height: 360)
let yard = try SyntheticFeed(
    index: 1, name: "v4l2:/dev/video0", width: 320, height: 240, kind: .metres)
let server = try LiveServer(
    feeds: [street.feed, yard.feed], hls: [], configuration: configuration,
    logger: Logger(label: "serve-synthetic"))
street.showWork()
street.play(framesPerSecond: 25)
yard.play(framesPerSecond: 10)
server.start()
print(server.address)
fflush(nil)
// Until standard input ends.
while getchar() != EOF {}
server.stop()
street.stop()
yard.stop()
