// Makes the sample recordings anew: `make media`, or `make-sample-media FOLDER`.
import FathomCore
import Glibc

let folder = CommandLine.arguments.dropFirst().first ?? "Samples/media"
do {
    for recording in [SampleRecording.steady, .variable] {
        let path = "\(folder)/\(recording.name)"
        let silent = "\(folder)/.silent.mp4"
        try recording.writeVideo(path: silent)
        defer { unlink(silent) }
        let sound = DrivingSound(seconds: recording.seconds)
        try SoundTrack.add(sound, toVideo: silent, output: path, title: recording.title)
        print("Made \(path): \(recording.times.count) frames")
    }
} catch {
    print("make-sample-media: \(error)")
    exit(1)
}
