import FathomCore

/// Adversarial training (Goodfellow et al. 2015; Madry et al. 2018): part of each batch is changed so that the network, as
/// it is now, errs more, and is learnt from in that form.
public final class AdversarialBatches: BatchTransform {
    private let settings: TrainingConfiguration.Adversarial
    private let session: TrainingSession
    private let range: PictureRange
    private let seed: UInt64

    /// `session` is the one that is trained; it must give the picture's gradient.
    init(
        _ settings: TrainingConfiguration.Adversarial, session: TrainingSession,
        interface: NetworkInterface, seed: UInt64
    ) {
        self.settings = settings
        self.session = session
        self.seed = seed
        range = PictureRange(mean: interface.mean, std: interface.std)
    }

    /// The batch with its first `share` of pictures changed; which those are, the order of the data decides.
    public func apply(
        _ batch: [String: Tensor], number: Int, step: any TrainingStep
    ) throws(FathomError) -> [String: Tensor] {
        guard let picture = batch["image"], settings.epsilon > 0 else { return batch }
        let pictures = picture.shape[0]
        let changed = Int((settings.share * Double(pictures)).rounded())
        guard changed > 0 else { return batch }
        let each = picture.count / pictures
        let epsilon = Float(settings.epsilon)
        let clean = picture.values
        var parts = (0..<changed).map { Array(clean[$0 * each..<($0 + 1) * each]) }
        let cleanParts = parts
        if settings.kind == .pgd {
            var random = SeededRandom(seed &+ UInt64(number) &* 0x9e37_79b9)
            for index in parts.indices {
                range.scatter(&parts[index], cleanParts[index], epsilon, &random)
            }
        }
        var result = batch
        let rest = clean[(changed * each)...]
        result["image"] = Tensor(shape: picture.shape, values: parts.flatMap { $0 } + rest)
        let length = settings.kind.step(epsilon, steps: settings.steps)
        for _ in 0..<(settings.kind == .fgsm ? 1 : settings.steps) {
            try session.withPictureGradient(result) { slope in
                for index in parts.indices {
                    range.climb(
                        &parts[index], cleanParts[index],
                        UnsafeBufferPointer(rebasing: slope[index * each..<(index + 1) * each]),
                        length: length, epsilon)
                }
            }
            result["image"] = Tensor(shape: picture.shape, values: parts.flatMap { $0 } + rest)
        }
        return result
    }
}
