import FathomDepth
import FathomMedia

/// A frame with its depth: what files, dump and picture are made of.
struct DepthFrame: Sendable {
    /// Position among the frames that are used, from 0.
    let index: Int
    /// The picture.
    let source: VideoFrame
    /// Its depth at the network's resolution, smoothed; what the colours are laid over; what is remarkable.
    let depth: DepthSequence.Frame

    /// What is remarkable, the decoder's word included.
    var flags: DepthFlags {
        source.isDamaged ? depth.flags.union(.damaged) : depth.flags
    }
}
