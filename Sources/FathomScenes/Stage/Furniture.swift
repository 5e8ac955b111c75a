/// Things of a room. Each stands on the floor at the builder's place, its front towards negative z.
extension StageBuilder {
    mutating func table(width: Float, depth: Float, height: Float) {
        if chance(0.7) { wearWood() } else { wearAnything(scale: 0.4) }
        let thickness = number(0.015, 0.04)
        if chance(0.2) {
            lathe(
                Vector(0, height - 2 * thickness, 0),
                [(width, 0), (width, 2 * thickness)], sides: 18)
            lathe(.zero, [(0.3 * width, 0), (0.06, 0.05), (0.05, height - thickness)])
            return
        }
        box(Vector(0, height - thickness, 0), Vector(width, thickness, depth))
        if chance(0.3) { wearPlain(gray(0.05, 0.6), gloss: 0.3) }
        legs(width, depth, height - 2 * thickness, number(0.015, 0.05))
    }

    private mutating func legs(_ width: Float, _ depth: Float, _ height: Float, _ radius: Float) {
        for x: Float in [-1, 1] {
            for z: Float in [-1, 1] {
                box(
                    Vector(x * (width - 1.5 * radius), height / 2, z * (depth - 1.5 * radius)),
                    Vector(radius, height / 2, radius))
            }
        }
    }

    mutating func chair() {
        if chance(0.5) { wearWood() } else { wearAnything(scale: 0.2) }
        let (half, seat) = (number(0.19, 0.26), number(0.42, 0.5))
        box(Vector(0, seat, 0), Vector(half, number(0.015, 0.05), half))
        let back = number(0.2, 0.32)
        box(
            Vector(0, seat + back + 0.05, half), Vector(half, back, 0.02),
            pitch: number(0.02, 0.2))
        if chance(0.75) {
            legs(half, half, seat, number(0.012, 0.03))
        } else {
            rod(Vector(0, seat, 0), Vector(0, 0.08, 0), 0.03)
            for turn in 0..<5 {
                let angle = Float(turn) * 1.2566
                rod(
                    Vector(0, 0.1, 0),
                    Vector(0.3 * .cosine(angle), 0.03, 0.3 * .sine(angle)), 0.02)
            }
        }
    }

    mutating func sofa() {
        wearAnything(scale: 0.3)
        let (width, depth) = (number(0.5, 1.2), number(0.38, 0.48))
        box(Vector(0, 0.22, 0), Vector(width, 0.2, depth))
        box(Vector(0, 0.5, depth - 0.1), Vector(width, 0.36, 0.11), pitch: 0.1)
        for x: Float in [-1, 1] {
            box(Vector(x * (width + 0.08), 0.32, 0), Vector(0.09, 0.3, depth))
        }
        let seats = width > 0.8 ? 2 : 1
        for seat in 0..<seats {
            let x = (Float(seat) + 0.5) * 2 * width / Float(seats) - width
            box(
                Vector(x, 0.47, -0.06),
                Vector(width / Float(seats) - 0.02, 0.07, depth - 0.08))
            if chance(0.5) {
                let before = pattern
                wearAnything(scale: 0.15)
                box(
                    Vector(x + number(-0.2, 0.2), 0.68, depth - 0.28),
                    Vector(0.2, 0.2, 0.06), yaw: number(-0.3, 0.3), pitch: 0.35)
                wear(before)
            }
        }
    }

    mutating func bed() {
        wearWood()
        let (width, length) = (number(0.45, 0.95), number(0.95, 1.05))
        box(Vector(0, 0.18, 0), Vector(width + 0.03, 0.12, length + 0.03))
        box(Vector(0, number(0.45, 0.6), length), Vector(width, 0.4, 0.03))
        wearPlain(gray(0.5, 0.9))
        box(Vector(0, 0.38, 0), Vector(width, 0.1, length))
        wearAnything(scale: 0.3)
        box(
            Vector(0, 0.48, -0.3), Vector(width + 0.04, 0.05, length - 0.32),
            top: SIMD2(0.97, 0.97))
        wearPlain(gray(0.4, 0.9))
        for x: Float in width > 0.7 ? [-0.5, 0.5] : [0] {
            box(
                Vector(x * width, 0.52, length - 0.3), Vector(0.3, 0.07, 0.2),
                yaw: number(-0.1, 0.1), top: SIMD2(0.8, 0.75))
        }
    }

    /// An open shelf with things on its boards.
    mutating func shelf() {
        wearWood()
        let (width, height, depth) = (number(0.3, 0.8), number(0.7, 2.1), number(0.12, 0.22))
        let board: Float = 0.012
        for x: Float in [-1, 1] {
            box(Vector(x * width, height / 2, 0), Vector(board, height / 2, depth))
        }
        box(Vector(0, height / 2, depth - board), Vector(width, height / 2, board))
        let count = max(2, Int(height / number(0.28, 0.45)))
        for level in 0...count {
            box(
                Vector(0, max(board, height * Float(level) / Float(count)), 0),
                Vector(width, board, depth))
        }
        let room = height / Float(count)
        for level in 0..<count {
            let floor = height * Float(level) / Float(count) + board
            var x = -width + 0.03
            while x < width - 0.05 {
                let thick = number(0.012, 0.05)
                if chance(0.12) { x += number(0.05, 0.25) }
                if x + 2 * thick > width { break }
                let tall = room * number(0.3, 0.44)
                if chance(0.45) { wearAnything(scale: 0.08) } else { wearPlain(anyColor()) }
                box(
                    Vector(x + thick, floor + tall, number(-0.03, 0.03)),
                    Vector(thick, tall, depth * number(0.5, 0.8)))
                x += 2 * thick + 0.003
            }
        }
    }

    mutating func cabinet() {
        if chance(0.5) { wearWood() } else { wearPlain(gray(0.2, 0.9), gloss: number(0, 0.3)) }
        let (width, height, depth) = (number(0.25, 0.9), spread(0.3, 1.1), number(0.2, 0.32))
        box(Vector(0, height, 0), Vector(width, height, depth))
        let (columns, rows) = (1 + whole(3), 1 + whole(4))
        if chance(0.5) { wearAnything(scale: 0.3) }
        for column in 0..<columns {
            for row in 0..<rows {
                let (w, h) = (width / Float(columns), height / Float(rows))
                let middle = Vector(
                    Float(2 * column + 1) * w - width, Float(2 * row + 1) * h, -depth)
                box(middle, Vector(w - 0.012, h - 0.012, 0.012))
                let before = pattern
                wearPlain(gray(0.1, 0.7), gloss: 0.4)
                box(middle - Vector(0, -h * 0.6, 0.02), Vector(0.05, 0.008, 0.012))
                wear(before)
            }
        }
    }

    mutating func floorLamp() {
        wearPlain(gray(0.05, 0.5), gloss: 0.3)
        let height = number(1.1, 1.7)
        lathe(.zero, [(0.14, 0), (0.13, 0.03), (0.012, 0.04), (0.012, height)])
        wearPlain(gray(0.5, 0.9), glow: number(0, 1))
        lathe(Vector(0, height, 0), [(number(0.14, 0.22), 0), (0.1, number(0.18, 0.3))])
    }

    mutating func pottedPlant(_ size: Float) {
        wearAnything(scale: 0.1)
        lathe(.zero, [(0.16 * size, 0), (0.22 * size, 0.35 * size)])
        wearLeaves()
        for _ in 0..<4 + whole(5) {
            ball(
                Vector(
                    number(-0.25, 0.25) * size, number(0.45, 1.1) * size,
                    number(-0.25, 0.25) * size), number(0.1, 0.24) * size, isLeafy: true)
        }
    }

    /// A small thing of about `size` metres: box, bottle, bowl, cup, ball, books, or a pile of them.
    mutating func thing(_ size: Float) {
        wearAnything(scale: size * 0.5)
        let (height, radius) = (size * number(0.3, 1), size * number(0.15, 0.5))
        switch whole(8) {
        case 0:
            box(
                Vector(0, height / 2, 0), Vector(radius, height / 2, size * number(0.1, 0.5)),
                yaw: number(0, 3))
        case 1:
            let neck = radius * number(0.2, 0.4)
            lathe(
                .zero,
                [
                    (radius * 0.55, 0), (radius * 0.6, height * 0.6), (neck, height * 0.8),
                    (neck, height),
                ])
        case 2:
            lathe(
                .zero, [(radius * 0.5, 0), (radius * 0.9, height * 0.3), (radius, height * 0.5)],
                sides: 12)
        case 3:
            lathe(.zero, [(radius * 0.6, 0), (radius * 0.7, radius * 1.4)], sides: 12)
            rod(
                Vector(radius * 0.7, radius * 0.3, 0), Vector(radius, radius * 0.9, 0),
                radius * 0.08)
        case 4: ball(Vector(0, radius, 0), radius)
        case 5:
            for book in 0..<1 + whole(5) {
                wearAnything(scale: size * 0.4)
                box(
                    Vector(0, size * (0.07 + 0.14 * Float(book)), 0),
                    Vector(size * number(0.4, 0.55), size * 0.068, size * number(0.3, 0.42)),
                    yaw: number(-0.3, 0.3))
            }
        case 6: pottedPlant(size)
        default:
            let first = radius * number(0.4, 1)
            lathe(
                .zero,
                [
                    (first, 0), (radius * number(0.3, 1), height * 0.4),
                    (radius * number(0.3, 1), height * 0.7), (radius * 0.2, height),
                ], sides: 9)
        }
    }

    /// Something flat on the wall behind: picture, mirror-dark screen, notice board.
    mutating func hanging(width: Float, height: Float) {
        wearPlain(chance(0.6) ? gray(0.02, 0.3) : anyColor(), gloss: 0.2)
        box(.zero, Vector(width + 0.025, height + 0.025, 0.015))
        if chance(0.25) {
            wearPlain(gray(0.01, 0.05), gloss: 0.5)
        } else {
            wearAnything(scale: width)
        }
        box(Vector(0, 0, -0.012), Vector(width, height, 0.008))
    }

    mutating func person(height: Float) {
        let size = height / 1.75
        let stride = number(-0.2, 0.2) * size
        wearPlain(chance(0.6) ? gray(0.02, 0.3) : anyColor())
        for x: Float in [-1, 1] {
            let hip = Vector(x * 0.1 * size, 0.92 * size, 0)
            let knee = Vector(x * 0.11 * size, 0.5 * size, x * stride * 0.6)
            let foot = Vector(x * 0.12 * size, 0.05 * size, x * stride)
            rod(hip, knee, 0.085 * size)
            rod(knee, foot, 0.06 * size)
            box(foot - Vector(0, 0, 0.06), Vector(0.05, 0.05, 0.13) * size)
        }
        wearAnything(scale: 0.2)
        lathe(
            Vector(0, 0.86 * size, 0),
            [
                (0.17 * size, 0), (0.15 * size, 0.25 * size), (0.19 * size, 0.5 * size),
                (0.08 * size, 0.62 * size),
            ], sides: 8)
        for x: Float in [-1, 1] {
            let shoulder = Vector(x * 0.21 * size, 1.38 * size, 0)
            let elbow = shoulder + Vector(x * 0.06, -0.28, number(-0.15, 0.15)) * size
            rod(shoulder, elbow, 0.05 * size)
            rod(
                elbow, elbow + Vector(number(-0.1, 0.1), number(-0.28, 0.05), -0.15) * size,
                0.04 * size)
        }
        wearPlain(
            Self.color(
                hue: number(0.04, 0.09), saturation: number(0.3, 0.6), value: number(0.1, 0.7)))
        ball(Vector(0, 1.62 * size, -0.02), 0.105 * size)
        wearPlain(gray(0.01, 0.25))
        ball(Vector(0, 1.66 * size, 0.02), 0.108 * size)
    }
}
