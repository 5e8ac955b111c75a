import Foundation

extension EvaluationResult: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// One object: settings, counts and every metric by its name (null where it is absent, with the reason in `notes`),
    /// then scenes, pictures, the histogram and errors by distance.
    public func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: Key.self)
        try object.encode(predictor, forKey: Key("predictor"))
        try object.encode(dataset, forKey: Key("dataset"))
        try object.encode(settings.protocolName, forKey: Key("protocol"))
        try object.encode(alignment, forKey: Key("alignment"))
        try object.encode(settings.crop, forKey: Key("crop"))
        try object.encode(settings.cap, forKey: Key("cap"))
        try object.encode(settings.floor, forKey: Key("floor"))
        try object.encode(pictures.count, forKey: Key("pictures"))
        try object.encode(pixels, forKey: Key("pixels"))
        try object.encode(scaling?.median, forKey: Key("medianRatio"))
        try object.encode(scaling?.deviation, forKey: Key("ratioDeviation"))
        try Self.encode(metrics, into: &object)
        try object.encode(
            Dictionary(uniqueKeysWithValues: notes.map { ($0.key.rawValue, $0.value) }),
            forKey: Key("notes"))
        try object.encode(skipped, forKey: Key("skipped"))
        var list = object.nestedUnkeyedContainer(forKey: Key("scenes"))
        for scene in scenes {
            var item = list.nestedContainer(keyedBy: Key.self)
            try item.encode(scene.name, forKey: Key("name"))
            try item.encode(scene.pictures, forKey: Key("pictures"))
            try Self.encode(scene.metrics, into: &item)
        }
        var each = object.nestedUnkeyedContainer(forKey: Key("perPicture"))
        for picture in pictures {
            var item = each.nestedContainer(keyedBy: Key.self)
            try item.encode(picture.name, forKey: Key("name"))
            try item.encode(picture.scene, forKey: Key("scene"))
            try item.encode(picture.pixels, forKey: Key("pixels"))
            try item.encodeIfPresent(picture.ratio, forKey: Key("ratio"))
            if picture.unusable > 0 { try item.encode(picture.unusable, forKey: Key("unusable")) }
            try Self.encode(picture.metrics, into: &item, onlyPresent: true)
        }
        var bins = object.nestedUnkeyedContainer(forKey: Key("byDistance"))
        for bin in profile.counts.indices {
            var item = bins.nestedContainer(keyedBy: Key.self)
            try item.encode(profile.edges[bin], forKey: Key("from"))
            try item.encode(profile.edges[bin + 1], forKey: Key("to"))
            try item.encode(profile.counts[bin], forKey: Key("pixels"))
            try item.encode(profile.relativeErrors[bin], forKey: Key("absRel"))
            try item.encode(profile.absoluteErrors[bin], forKey: Key("mae"))
        }
        try object.encode(profile.histogram, forKey: Key("relativeErrorHistogram"))
    }

    private static func encode(
        _ metrics: [Metric: Double], into object: inout KeyedEncodingContainer<Key>,
        onlyPresent: Bool = false
    ) throws {
        for metric in Metric.allCases where !onlyPresent || metrics[metric] != nil {
            try object.encode(metrics[metric], forKey: Key(metric.rawValue))
        }
    }

    /// The object as text.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}
