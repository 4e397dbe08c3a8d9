"""Numbers, lists and loops: what the interpreter's own instructions are made for."""

from __future__ import annotations

import cmath
import math
import random
from fractions import Fraction

_RANDOM = random.Random(2026)


def planets() -> float:
    """Bodies that attract each other: attributes of floats, nested loops."""
    bodies = [[[_RANDOM.uniform(-9, 9) for _ in range(3)], [0.0, 0.0, 0.0], _RANDOM.uniform(0.1, 3)] for _ in range(5)]
    pairs = [(one, other) for index, one in enumerate(bodies) for other in bodies[index + 1 :]]
    for _ in range(900):
        for (place, speed, mass), (place2, speed2, mass2) in pairs:
            dx, dy, dz = place[0] - place2[0], place[1] - place2[1], place[2] - place2[2]
            pull = 0.001 / ((dx * dx + dy * dy + dz * dz + 0.01) ** 1.5)
            for axis, distance in enumerate((dx, dy, dz)):
                speed[axis] -= distance * mass2 * pull
                speed2[axis] += distance * mass * pull
        for place, speed, _ in bodies:
            place[0] += 0.001 * speed[0]
            place[1] += 0.001 * speed[1]
            place[2] += 0.001 * speed[2]
    return sum(place[0] for place, _, _ in bodies)


def sieve() -> int:
    limit = 60000
    flags = bytearray([1]) * limit
    for number in range(2, math.isqrt(limit) + 1):
        if flags[number]:
            flags[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return sum(1 for number in range(2, limit) if flags[number])


def matrices() -> list[list[float]]:
    size = 34
    left = [[math.sin(row * column + 1) for column in range(size)] for row in range(size)]
    right = [[math.cos(row + column) for column in range(size)] for row in range(size)]
    columns = list(zip(*right, strict=True))
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left]


def transform() -> list[complex]:
    """The fast Fourier transform: recursion, slices, complex numbers."""

    def fourier(values: list[complex]) -> list[complex]:
        if len(values) == 1:
            return values
        even, odd = fourier(values[::2]), fourier(values[1::2])
        turned = [cmath.exp(-2j * cmath.pi * index / len(values)) * value for index, value in enumerate(odd)]
        return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]

    return fourier([complex(index % 17, index % 5) for index in range(1024)])


def life() -> int:
    """Cells on a torus: sets and tuples of small integers."""
    alive = {(x, y) for x in range(24) for y in range(24) if (x * 7 + y * 11) % 5 < 2}
    for _ in range(12):
        count: dict[tuple[int, int], int] = {}
        for x, y in alive:
            for dx in (-1, 0, 1):
                for dy in (-1, 0, 1):
                    if dx or dy:
                        cell = ((x + dx) % 24, (y + dy) % 24)
                        count[cell] = count.get(cell, 0) + 1
        alive = {cell for cell, near in count.items() if near == 3 or (near == 2 and cell in alive)}
    return len(alive)


def queens() -> int:
    """Backtracking: recursion, sets, comparisons."""

    def place(row: int, columns: set[int], left: set[int], right: set[int]) -> int:
        if row == 7:
            return 1
        found = 0
        for column in range(7):
            if column in columns or row + column in left or row - column in right:
                continue
            found += place(row + 1, columns | {column}, left | {row + column}, right | {row - column})
        return found

    return place(0, set(), set(), set())


def permutations() -> int:
    """Turn the front of a list over until its first is 0: small lists, slices, swaps."""
    most = 0
    for seed in range(250):
        row = [(index * 5 + seed) % 9 for index in range(9)]
        turns = 0
        while row[0] and turns < 60:
            row[: row[0] + 1] = row[row[0] :: -1]
            turns += 1
        most = max(most, turns)
    return most


def digits() -> str:
    """Large integers, as they come in cryptography and in digits of pi."""
    q, r, t, k, n, step = 1, 0, 1, 1, 3, 3
    out = []
    while len(out) < 160:
        if 4 * q + r - t < n * t:
            out.append(str(n))
            q, r, n = 10 * q, 10 * (r - n * t), (10 * (3 * q + r)) // t - 10 * n
        else:
            q, r, t, n, k, step = (q * k, (2 * q + r) * step, t * step, (q * (7 * k + 2) + r * step) // (t * step),
                                   k + 1, step + 2)  # fmt: skip
    return "".join(out) + str(pow(3, 2**200, 10**60 + 7))


def fractions() -> Fraction:
    total = Fraction(0)
    for index in range(1, 70):
        total += Fraction(index, index * index + 1)
    return total


def chance() -> float:
    values = [_RANDOM.gauss(0, 1) for _ in range(1500)]
    _RANDOM.shuffle(values)
    inside = sum(1 for _ in range(3000) if _RANDOM.random() ** 2 + _RANDOM.random() ** 2 < 1)
    return sorted(values)[750] + inside + _RANDOM.choice(values) + _RANDOM.randrange(1000)


def paths() -> int:
    """Shortest paths by a heap."""
    import heapq

    graph = {node: [((node * step + 1) % 400, step % 13 + 1) for step in (3, 7, 11)] for node in range(400)}
    distance = {0: 0}
    heap = [(0, 0)]
    while heap:
        so_far, node = heapq.heappop(heap)
        if so_far > distance[node]:
            continue
        for other, cost in graph[node]:
            if so_far + cost < distance.get(other, 1 << 30):
                distance[other] = so_far + cost
                heapq.heappush(heap, (so_far + cost, other))
    return sum(distance.values())


def unpacking() -> int:
    total = 0
    pair, triple = (1, 2), [3, 4, 5]
    for _ in range(12000):
        a, b = pair
        c, d, e = triple
        a, b = b, a
        first, *rest = triple
        total += a + b + c + d + e + first + len(rest)
    return total


WORKLOADS = (
    planets,
    sieve,
    matrices,
    transform,
    life,
    queens,
    permutations,
    digits,
    fractions,
    chance,
    paths,
    unpacking,
)
