"""Charts as SVG text: x in percent, y in pixels, colours only as classes."""
