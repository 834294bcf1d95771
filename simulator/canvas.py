"""Drawing with the standard library alone, quick enough to be done when a picture is asked for.

A picture is drawn four times as large, without smoothing, and then scaled down. Each colour channel
is an array of its own, so that Python copies, blends and averages whole runs of pixels at once.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from simulator.png import true_colour

Point = tuple[float, float]
Rgb = tuple[int, int, int]

_SCALE: Final = 4
_GLOW_STEPS: Final = 24


class Gradient(NamedTuple):
    """From the top to the bottom of the picture, or from its top left to its bottom right."""

    first: Rgb
    last: Rgb
    diagonal: bool = False


Paint = Rgb | Gradient


def rgb(text: str) -> Rgb:
    """A colour from its six hex digits."""
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`share` of the other colour, the rest of the one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


class Canvas:
    """The unit of length is the picture's height: y is from 0 to 1, x from 0 to `aspect`."""

    def __init__(self, width: int, height: int, background: Paint | None = None) -> None:
        """Without a background it is transparent."""
        self.aspect = width / height
        self._size = width, height
        self._width, self._height = width * _SCALE, height * _SCALE
        self._planes = [bytearray(self._width * self._height) for _ in range(4)]
        if background is not None:
            self.polygon([(0, 0), (self.aspect, 0), (self.aspect, 1), (0, 1)], background)

    def circle(self, centre: Point, radius: float, paint: Paint, opacity: float = 1) -> None:
        """A disc."""
        self.ellipse(centre, radius, radius, paint, opacity)

    def ellipse(
        self, centre: Point, rx: float, ry: float, paint: Paint, opacity: float = 1
    ) -> None:
        """An upright ellipse."""
        x, y, rx, ry = (part * self._height for part in (*centre, rx, ry))
        rows = range(max(0, math.ceil(y - ry)), min(self._height, math.ceil(y + ry)))
        spans = []
        for row in rows:
            half = rx * math.sqrt(max(0.0, 1 - ((row + 0.5 - y) / ry) ** 2))
            spans.append((row, round(x - half), round(x + half)))
        self._fill(spans, paint, opacity)

    def leaf(
        self, centre: Point, length: float, breadth: float, angle: float, paint: Paint
    ) -> None:
        """A pointed ellipse, turned clockwise by radians."""
        outline = []
        for step in range(24):
            turn = math.tau * step / 24
            along = math.cos(turn) * length / 2
            across = math.copysign(abs(math.sin(turn)) ** 1.4, math.sin(turn)) * breadth / 2
            outline.append(
                (
                    centre[0] + along * math.cos(angle) - across * math.sin(angle),
                    centre[1] + along * math.sin(angle) + across * math.cos(angle),
                )
            )
        self.polygon(outline, paint)

    def box(
        self, corner: Point, width: float, height: float, paint: Paint, radius: float = 0
    ) -> None:
        """A rectangle with round corners."""
        left, top = corner
        if not radius:
            right, bottom = left + width, top + height
            self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], paint)
            return
        outline = []
        for quarter, (x, y) in enumerate(((1, 1), (0, 1), (0, 0), (1, 0))):
            centre = (
                left + radius + x * (width - 2 * radius),
                top + radius + y * (height - 2 * radius),
            )
            for step in range(9):
                turn = math.pi / 2 * (quarter + step / 8)
                outline.append(
                    (centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn))
                )
        self.polygon(outline, paint)

    def line(self, points: Sequence[Point], breadth: float, paint: Paint) -> None:
        """A stroke with round ends."""
        for (x0, y0), (x1, y1) in pairwise(points):
            length = math.hypot(x1 - x0, y1 - y0) or 1
            dx, dy = (y1 - y0) / length * breadth / 2, (x0 - x1) / length * breadth / 2
            self.polygon(
                [(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)],
                paint,
            )
        for point in points:
            self.circle(point, breadth / 2, paint)

    def below(self, heights: Sequence[float], paint: Paint, opacity: float = 1) -> None:
        """Everything below a line that crosses the picture at these heights, from left to right."""
        step = self.aspect / (len(heights) - 1)
        top = [(index * step, height) for index, height in enumerate(heights)]
        self.polygon([*top, (self.aspect, 1.1), (0, 1.1)], paint, opacity)

    def polygon(self, points: Sequence[Point], paint: Paint, opacity: float = 1) -> None:
        """What the points enclose; where the outline crosses itself, every second part is empty."""
        scaled = [(x * self._height, y * self._height) for x, y in points]
        crossings: dict[int, list[float]] = {}
        for (x0, y0), (x1, y1) in zip(scaled, [*scaled[1:], scaled[0]], strict=True):
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0  # noqa: PLW2901
            slope = (x1 - x0) / (y1 - y0) if y1 > y0 else 0
            first, last = max(0, math.ceil(y0 - 0.5)), min(self._height, math.ceil(y1 - 0.5))
            for row in range(first, last):
                crossings.setdefault(row, []).append(x0 + (row + 0.5 - y0) * slope)
        spans = []
        for row, found in crossings.items():
            found.sort()
            spans += [
                (row, round(left), round(right))
                for left, right in zip(found[::2], found[1::2], strict=False)
            ]
        self._fill(spans, paint, opacity)

    def glow(self, centre: Point, radius: float, colour: Rgb, strength: float) -> None:
        """Light that fades towards `radius`."""
        for step in range(_GLOW_STEPS):
            part = radius * (1 - step / _GLOW_STEPS) ** 1.5
            self.circle(centre, part, mix(colour, (255, 255, 255), 0.35), strength / _GLOW_STEPS)

    def _fill(self, spans: Iterable[tuple[int, int, int]], paint: Paint, opacity: float) -> None:
        width = self._width
        placed = []
        for row, left, right in spans:
            left, right = max(left, 0), min(right, width)  # noqa: PLW2901
            if left < right:
                placed.append((row, left, right))
        opaque = b"\xff" * width
        for channel, plane in enumerate(self._planes):
            if channel == 3:
                lines = [opaque]
            elif isinstance(paint, Gradient):
                lines = self._gradient(paint, channel)
            else:
                lines = [bytes((paint[channel],)) * width]
            if opacity < 1:
                self._blend(plane, placed, lines[0][0], opacity)
                continue
            shift = isinstance(paint, Gradient) and paint.diagonal and channel < 3
            for row, left, right in placed:
                line = lines[row % len(lines)]
                start = left + (row if shift else 0)
                plane[row * width + left : row * width + right] = line[start : start + right - left]

    def _blend(
        self, plane: bytearray, spans: list[tuple[int, int, int]], value: int, opacity: float
    ) -> None:
        # Four ways to round, for the four rows that are averaged later: that hides the steps.
        tables = [
            bytes(int(old + (value - old) * opacity + rounding) for old in range(256))
            for rounding in (0.125, 0.625, 0.375, 0.875)
        ]
        width = self._width
        for row, left, right in spans:
            place = slice(row * width + left, row * width + right)
            plane[place] = plane[place].translate(tables[row % _SCALE])

    def _gradient(self, paint: Gradient, channel: int) -> list[bytes]:
        first, last = paint.first[channel], paint.last[channel]
        if not paint.diagonal:
            share = (last - first) / self._height
            return [
                bytes((round(first + row * share),)) * self._width for row in range(self._height)
            ]
        steps = self._width + self._height
        return [bytes(round(first + (last - first) * step / steps) for step in range(steps))]

    def png(self) -> bytes:
        """The picture as a file."""
        width, height = self._width, self._height
        planes = [bytes(plane) for plane in self._planes]
        while width > self._size[0]:
            planes = [_halved(plane, width) for plane in planes]
            width, height = width // 2, height // 2
        *colours, opacity = planes
        if opacity.count(255) == len(opacity):
            return true_colour(width, colours)
        return true_colour(width, [*(_unmixed(plane, opacity) for plane in colours), opacity])


def _halved(plane: bytes, width: int) -> bytes:
    """Half as wide and half as high: each pixel is the average of four."""
    narrow = _average(plane[::2], plane[1::2], up=False)
    half = width // 2
    rows = [narrow[start : start + half] for start in range(0, len(narrow), half)]
    return _average(b"".join(rows[::2]), b"".join(rows[1::2]), up=True)


def _average(one: bytes, other: bytes, *, up: bool) -> bytes:
    """Byte by byte, as one operation on very large numbers. `up`: halves are rounded up."""
    a, b = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    half = ((a ^ b) & int.from_bytes(b"\xfe" * len(one), "little")) >> 1
    return ((a | b) - half if up else (a & b) + half).to_bytes(len(one), "little")


def _unmixed(plane: bytes, opacity: bytes) -> bytes:
    """At an edge the colour was averaged with the black of nothing: undo that."""
    found = bytearray(plane)
    for index, value in enumerate(opacity):
        if 0 < value < 255:
            found[index] = min(255, found[index] * 255 // value)
    return bytes(found)
