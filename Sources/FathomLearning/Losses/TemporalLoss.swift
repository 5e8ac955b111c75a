import FathomCore
import FathomGraph

/// Losses of clips: batches of frame 0 of each clip, frame 1 of each, and so on (`ClipShape`).
extension LossBuilder {
    /// With the flow: what is left of the change between neighbouring frames when each pixel is followed, by the mean
    /// prediction, less where colours differ too (occlusion), as OPW weights it. Without: the change of the error, after
    /// one scale and shift for a whole clip if it is to be aligned.
    mutating func temporal(_ scale: Scale, _ term: LossTerm) throws(FathomError) -> String {
        guard let clips = edges.clips, clips.frames > 1 else {
            throw FathomError(
                operation: "build", subject: "the loss temporal",
                cause: "the batches are no clips of several frames",
                remedy: "Use it with a video network, or remove it")
        }
        if term.followsFlow {
            // A coarser scale would need a flow of its own.
            guard scale.factor == 1 else { return graph.constant(0 as Float) }
            return alongFlow(scale, clips, try size(.temporal))
        }
        let valid = framed(scale.valid, clips)
        let prediction = framed(scale.prediction, clips)
        let target = framed(scale.target, clips)
        let residual =
            term.isAligned
            ? align(prediction, target, valid, axes: [0, 2], isNormalized: true).residual
            : graph.subtract(prediction, target)
        let (first, second) = neighbours(valid, axis: 0)
        return mean(
            absolute(difference(residual, axis: 0)), weights: graph.multiply(first, second))
    }

    /// Frames × clips × pixels.
    private mutating func framed(_ edge: String, _ clips: ClipShape) -> String {
        graph.node("Reshape", [edge, graph.constant([clips.frames, clips.clips, -1])])
    }

    private mutating func alongFlow(
        _ scale: Scale, _ clips: ClipShape, _ size: PixelSize
    ) -> String {
        let last = (clips.frames - 1) * clips.clips
        let end = clips.frames * clips.clips
        func frames(_ edge: String, _ from: Int, _ to: Int) -> String {
            graph.slice(edge, axes: [0], from: [from], to: [to])
        }
        let flow = frames("flow", 0, last)
        let (columns, rows) = pixels(size)
        let x = graph.add(graph.slice(flow, axes: [1], from: [0], to: [1]), columns)
        let y = graph.add(graph.slice(flow, axes: [1], from: [1], to: [2]), rows)
        let picture = colors(scale.image)
        let seen = sample(frames(picture, clips.clips, end), x: x, y: y, size)
        let carried = sample(frames(scale.prediction, clips.clips, end), x: x, y: y, size)
        let colorError = graph.sum(
            square(graph.subtract(seen, frames(picture, 0, last))), axes: [1])
        let alike = graph.node("Exp", [graph.multiply(colorError, -50)])
        let weights = graph.multiply(alike, frames(scale.valid, 0, last))
        let change = absolute(
            graph.subtract(carried, frames(scale.prediction, 0, last)))
        let level = graph.add(graph.mean(absolute(scale.prediction)), 1e-6)
        return graph.divide(mean(change, weights: weights), level)
    }
}
