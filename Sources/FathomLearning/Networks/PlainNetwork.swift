import FathomCore

/// The baseline: 3×3 convolutions of 64 channels at the picture's size and a 1×1 convolution, nothing else.
struct PlainNetwork {
    private let interface: NetworkInterface
    private let layers: Int

    init(_ interface: NetworkInterface, layers: Int) {
        self.interface = interface
        self.layers = layers
    }

    func build(_ start: LayerBuilder) throws(FathomError) -> TrainableNetwork {
        var net = start
        var x = net.image()
        for index in 0..<layers {
            x = net.relu(net.convolution("layers.\(index)", x, net.scaled(64)))
        }
        x = net.depth("head", x, kernel: 1, interface)
        x.edge = net.graph.node("Identity", [x.edge], name: interface.learns.edgeName)
        return try net.finish(x)
    }
}
