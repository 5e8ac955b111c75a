import FathomCore
import Testing

@Suite struct NearestTests {
    @Test("a slip of the fingers finds the name that was meant; a foreign word finds none")
    func nearest() {
        let names = ["inferno", "magma", "viridis", "turbo"]
        #expect(nearestName(to: "infreno", among: names) == "inferno")
        #expect(nearestName(to: "Turbo", among: names) == "turbo")
        #expect(nearestName(to: "zebra", among: names) == nil)
        #expect(nearestName(to: "", among: names) == nil)
    }
}
