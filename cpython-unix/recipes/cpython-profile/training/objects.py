"""Classes, calls, generators, exceptions: programs that are made of many small parts."""

from __future__ import annotations

import abc
import asyncio
import collections
import contextlib
import copy
import dataclasses
import enum
import functools
import itertools
import logging
import typing
import weakref


class Shape(abc.ABC):
    names: typing.ClassVar[list[str]] = []

    def __init__(self, size: float) -> None:
        self.size = size
        self.neighbours: list[Shape] = []

    @abc.abstractmethod
    def area(self) -> float: ...

    @property
    def double(self) -> float:
        return self.size * 2

    @classmethod
    def unit(cls) -> typing.Self:
        return cls(1.0)

    def __lt__(self, other: Shape) -> bool:
        return self.area() < other.area()


class Square(Shape):
    def area(self) -> float:
        return self.size**2


class Circle(Shape):
    def __init__(self, size: float, name: str = "circle") -> None:
        super().__init__(size)
        self.name = name

    def area(self) -> float:
        return 3.14159 * self.size**2


class Slotted:
    __slots__ = ("after", "value")

    def __init__(self, value: int, after: Slotted | None) -> None:
        self.value, self.after = value, after


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 0
    tags: list[str] = dataclasses.field(default_factory=list, compare=False)

    def moved(self, dx: int, dy: int) -> Point:
        return dataclasses.replace(self, x=self.x + dx, y=self.y + dy)


@dataclasses.dataclass(frozen=True)
class Key:
    name: str
    number: int


class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3


class Row(typing.NamedTuple):
    name: str
    value: int


def shapes() -> float:
    every: list[Shape] = [kind(index % 13 + 1) for index in range(500) for kind in (Square, Circle)]
    for one, other in itertools.pairwise(every):
        one.neighbours.append(other)
    best = max(every)
    return (
        sum(one.area() + one.double + len(one.neighbours) for one in sorted(every)) + best.area() + Circle.unit().size
    )


def chains() -> int:
    head = None
    for value in range(6000):
        head = Slotted(value, head)
    total = 0
    while head is not None:
        total += head.value
        head = head.after
    return total


def trees() -> int:
    def grow(depth: int) -> tuple[object, object] | None:
        return (grow(depth - 1), grow(depth - 1)) if depth else None

    def count(tree: object) -> int:
        return 1 + count(tree[0]) + count(tree[1]) if isinstance(tree, tuple) else 0

    return count(grow(11))


def records() -> int:
    points = [Point(index % 29, index % 7) for index in range(600)]
    moved = sorted(point.moved(1, 2) for point in points)
    places = {Key(f"k{index % 50}", index % 9): index for index in range(900)}
    rows = [Row("r", index)._replace(name="s") for index in range(600)]
    return moved[0].x + len(places) + sum(row.value for row in rows) + (points[0] == points[29])


def enumerations() -> int:
    counter: collections.Counter[Colour] = collections.Counter()
    for index in range(1500):
        colour = Colour(index % 3 + 1)
        counter[colour] += 1
        if colour is Colour.RED and colour.name == "RED":
            counter[Colour.BLUE] += colour.value
    return counter[Colour.BLUE]


def generators() -> int:
    def numbers(limit: int) -> typing.Iterator[int]:
        yield from range(limit)

    def walk(depth: int) -> typing.Iterator[int]:
        if depth:
            yield from walk(depth - 1)
            yield depth
            yield from walk(depth - 1)

    squares = (number * number for number in numbers(6000) if number % 3)
    grouped = itertools.groupby(range(2000), key=lambda number: number // 10)
    return sum(squares) + sum(walk(10)) + sum(len(list(items)) for _, items in grouped)


def closures() -> int:
    def adder(amount: int) -> typing.Callable[..., int]:
        def add(value: int, *more: int, scale: int = 1, **named: int) -> int:
            return (value + amount + sum(more) + sum(named.values())) * scale

        return add

    @functools.lru_cache(maxsize=256)
    def cached(number: int) -> int:
        return number if number < 2 else cached(number - 1) + cached(number - 2)

    def plain(number: int) -> int:
        return number if number < 2 else plain(number - 1) + plain(number - 2)

    adders = [adder(amount) for amount in range(10)]
    total = sum(add(1, 2, 3, scale=2, other=1) for add in adders for _ in range(80))
    total += functools.reduce(lambda a, b: a ^ b, map(adders[3], range(2000)))
    return total + cached(90) % 1000 + plain(17)


def exceptions() -> int:
    class Own(ValueError):
        pass

    caught = 0
    for index in range(2500):
        try:
            if index % 3 == 0:
                raise Own("no", index)
            if index % 3 == 1:
                {}["missing"]
            int("x") if index % 2 else [].pop()
        except Own as error:
            caught += error.args[1]
        except (KeyError, IndexError):
            caught += 1
        except ValueError:
            caught += 2
        finally:
            caught += 1
    for _ in range(600):
        with contextlib.suppress(KeyError), contextlib.ExitStack() as stack:
            stack.callback(lambda: None)
            raise KeyError
    return caught


def dynamic() -> int:
    class Lazy:
        def __getattr__(self, name: str) -> int:
            return len(name)

        def __getitem__(self, index: int) -> int:
            return index

        def __len__(self) -> int:
            return 10

        def __call__(self, value: int) -> int:
            return value

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Lazy)

        def __hash__(self) -> int:
            return 1

    lazy = Lazy()
    total = 0
    for index in range(2500):
        total += lazy.missing + lazy[index] + len(lazy) + lazy(3) + (lazy == lazy)
        setattr(lazy, f"name{index % 20}", index)
        total += getattr(lazy, f"name{index % 20}", 0) + hasattr(lazy, "other")
    kept = weakref.WeakValueDictionary({index: Slotless() for index in range(200)})
    return total + len(kept)


class Slotless:
    pass


def matching() -> int:
    total = 0
    for index in range(2500):
        value: object = ({"kind": "move", "by": (index, 2)}, [1, 2, index], Point(index % 3, 1), "text", index)[
            index % 5
        ]
        match value:
            case {"kind": "move", "by": (x, int(y))}:
                total += x + y
            case [1, *rest]:
                total += len(rest)
            case Point(x=0):
                total += 7
            case str() as text:
                total += len(text)
            case int() if value % 2:
                total += 1
            case _:
                total += 2
    return total


def copies() -> int:
    data = {"list": [{"a": [1, 2, 3], "b": {"c": (4, 5)}} for _ in range(30)], "point": Point(1, 2, ["x"])}
    return len(copy.deepcopy(data)["list"]) + len(copy.copy(data))


def tasks() -> int:
    """Coroutines that wait for each other, as servers have them."""

    async def leaf(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def branch(depth: int) -> int:
        if depth == 0:
            return await leaf(1)
        return sum(await asyncio.gather(*(branch(depth - 1) for _ in range(4))))

    async def pipeline() -> int:
        queue: asyncio.Queue[int | None] = asyncio.Queue(20)

        async def produce() -> None:
            for number in range(400):
                await queue.put(number)
            await queue.put(None)

        async def consume() -> int:
            total = 0
            while (number := await queue.get()) is not None:
                total += number
            return total

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            result = group.create_task(consume())
        return result.result()

    async def both() -> int:
        return await branch(4) + await pipeline()

    return asyncio.run(both())


def logs() -> int:
    logger = logging.getLogger("training")
    logger.propagate = False
    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(self.format(record))

    handler = Keep()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    for number in range(250):
        logger.debug("not %s", number)
        logger.info("number %d of %s", number, "many")
    logger.removeHandler(handler)
    return len(seen)


WORKLOADS = (shapes, chains, trees, records, enumerations, generators, closures, exceptions, dynamic, matching, copies,
             tasks, logs)  # fmt: skip
