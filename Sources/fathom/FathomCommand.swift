@main struct FathomCommand { static func main() { print("fathom") } }
