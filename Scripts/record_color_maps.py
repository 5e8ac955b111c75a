"""Prints Sources/FathomPicture/ColorMapTables.swift from published colour maps.

Needs matplotlib (written with 3.11.2): inferno, magma and viridis are by Nathaniel Smith, Stefan van der Walt and
Eric Firing (CC0); turbo is by Anton Mikhailov (Apache-2.0); both as 256 RGB entries. Spectral's eleven anchors are
Cynthia Brewer's (ColorBrewer, Apache-2.0).

    python Scripts/record_color_maps.py > Sources/FathomPicture/ColorMapTables.swift
"""

import matplotlib
import numpy


def table(name, count):
    colours = matplotlib.colormaps[name](numpy.linspace(0, 1, count))[:, :3]
    return (colours * 255).round().astype(numpy.uint8).tobytes().hex()


def literal(name, comment, text, width=88):
    print(f"    /// {comment}")
    print(f'    static let {name} = """')
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    for index, line in enumerate(lines):
        print(f"        {line}" + ("\\" if index + 1 < len(lines) else ""))
    print('        """')


print("// Made by Scripts/record_color_maps.py (matplotlib 3.11.2); not edited by hand.")
print()
print("/// Published colour maps as RGB bytes in hexadecimal, evenly spaced, the far or low end first.")
print("enum ColorMapTables {")
literal("inferno", "inferno, 256 entries (van der Walt and Smith, CC0).", table("inferno", 256))
literal("magma", "magma, 256 entries (van der Walt and Smith, CC0).", table("magma", 256))
literal("viridis", "viridis, 256 entries (van der Walt, Smith and Firing, CC0).", table("viridis", 256))
literal("turbo", "turbo, 256 entries (Mikhailov 2019, Apache-2.0).", table("turbo", 256))
literal("spectral", "Spectral, 11 anchors (ColorBrewer, Apache-2.0), blue first.", table("Spectral_r", 11))
print("}")
