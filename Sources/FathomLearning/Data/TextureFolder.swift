import FathomCore
import FathomMedia
import FathomScenes
import Foundation

/// Crops of a folder's photographs, for surfaces of rendered places.
public enum TextureFolder {
    /// Files beyond so many are left out, in the order of their names.
    private static let limit = 512

    /// Reads the middle square of each PNG and JPEG of a folder; those that can't be read are left out.
    public static func read(_ path: String) throws(FathomError) -> SceneTextures {
        let names =
            ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        var textures = SceneTextures()
        for name in names where PictureFile.isPicture(name) && textures.count < limit {
            guard let picture = try? StillImage.readColor("\(path)/\(name)") else { continue }
            textures.add(rgb: StillImage.interleaved(square(picture)))
        }
        guard textures.count > 0 else {
            throw FathomError(
                .usage, operation: "read", subject: path,
                cause: "it has no photographs that can be read",
                remedy: "Give a folder with PNG or JPEG files")
        }
        return textures
    }

    private static func square(_ picture: Tensor) -> Tensor {
        let (height, width) = (picture.shape[1], picture.shape[2])
        let side = min(width, height)
        var warp = PictureWarp(from: width, height, to: SceneTextures.side, SceneTextures.side)
        warp.left = Double(width - side) / 2
        warp.top = Double(height - side) / 2
        (warp.width, warp.height) = (Double(side), Double(side))
        return warp.picture(picture)
    }
}
