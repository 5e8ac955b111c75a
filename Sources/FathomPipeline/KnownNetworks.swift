import CDefaultModel
import FathomCore
import FathomDepth
import Yams

/// The cards of known networks that are part of the program: `Configs/models/*.yaml`.
public enum KnownNetworks {
    /// All cards, in the order in which they are tried.
    public static func all() throws(FathomError) -> [KnownNetwork] {
        var result: [KnownNetwork] = []
        while let text = fathom_model_card(result.count) {
            result.append(try decode(String(cString: text), subject: "model card \(result.count)"))
        }
        return result
    }

    /// Reads one card.
    static func decode(_ text: String, subject: String) throws(FathomError) -> KnownNetwork {
        do {
            return try YAMLDecoder().decode(KnownNetwork.self, from: text)
        } catch {
            throw FathomError(
                operation: "read", subject: subject, cause: "\(error)",
                remedy: "Mend Configs/models")
        }
    }
}
