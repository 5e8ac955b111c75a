import CFFmpeg
import FathomCore

/// What is said about a file or stream, and which of it holds for a copy.
enum Metadata {
    /// Facts about the source's bytes, wrong for any other file.
    private static let ownToTheSource: Set<String> = [
        "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "rotate",
    ]
    /// What mkvmerge counts for each stream.
    private static let statistics = ["_statistics", "bps", "number_of_", "duration"]

    /// The keys that MP4's classic atoms can hold; others need its list of free keys.
    private static let classic: Set<String> = [
        "title", "artist", "album_artist", "album", "composer", "date", "comment", "genre",
        "copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id",
        "network", "keywords", "creation_time", "track", "disc", "media_type", "encoder",
        "hd_video", "gapless_playback", "compilation", "episode_sort", "season_number",
        "sort_name", "sort_artist", "sort_album", "sort_album_artist", "sort_composer", "sort_show",
    ]

    static func copy(
        _ source: OpaquePointer?, to target: inout OpaquePointer?, isStream: Bool
    ) {
        for (key, value) in dictionaryPairs(source) {
            let lower = key.lowercased()
            if ownToTheSource.contains(lower) { continue }
            if isStream, statistics.contains(where: lower.hasPrefix) { continue }
            av_dict_set(&target, key, value, 0)
        }
    }

    /// Whether MP4 has to write free keys (such as com.apple.quicktime.make) to keep it all.
    static func needsFreeKeys(_ metadata: OpaquePointer?) -> Bool {
        dictionaryPairs(metadata).contains {
            !classic.contains($0.key.lowercased()) && !ownToTheSource.contains($0.key.lowercased())
        }
    }
}
