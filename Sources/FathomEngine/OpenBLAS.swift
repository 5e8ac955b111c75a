import COpenBLAS

/// The OpenBLAS that general matrix products run on.
public enum OpenBLAS {
    /// Its version and the processor that it works for, such as "0.3.21 Cooperlake".
    public static var version: String {
        let words = String(cString: openblas_get_config()).split(separator: " ")
        let number = words.count > 1 ? String(words[1]) : ""
        return "\(number) \(String(cString: openblas_get_corename()))"
    }
}
