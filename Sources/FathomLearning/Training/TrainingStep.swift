import FathomCore

/// Computes loss and gradients of one batch; the parameters live in its memory, and an optimizer changes them there.
///
/// Used by one thread at a time.
public protocol TrainingStep: AnyObject {
    /// What is learnt, in a fixed order.
    var parameterNames: [String] { get }
    /// Running means and variances of batch norms, in a fixed order; `compute` moves them on.
    var statisticNames: [String] { get }
    /// Reads or writes a parameter in place.
    func withParameter<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R
    /// Reads the gradient of the last batch's loss by a parameter, in the parameter's own layout.
    func withGradient<R>(_ name: String, _ body: (UnsafeBufferPointer<Float>) -> R) -> R
    /// Reads or writes a running statistic in place.
    func withStatistic<R>(_ name: String, _ body: (UnsafeMutableBufferPointer<Float>) -> R) -> R
    /// Loss and its named parts for one batch, under `loss` and the parts' names; gradients can be read until the next call.
    ///
    /// A batch maps `image` (N×3×H×W, normalised), `target` and `valid` (N×1×H×W) and what else the loss needs.
    func compute(_ batch: [String: Tensor]) throws(FathomError) -> [String: Float]
}
