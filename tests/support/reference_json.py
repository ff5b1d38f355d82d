"""A reader of JSON written from RFC 8259 alone, octet by octet, that the real one is held to. It imports nothing."""

from typing import Any

MAX_DEPTH = 32
MAX_NUMBER = 400
LARGEST = float.fromhex("0x1.fffffffffffffp+1023")

_SPACE = frozenset(b" \t\n\r")
_DIGITS = frozenset(b"0123456789")
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")
_OPENERS, _EXPONENT, _SIGNS = frozenset(b"[{"), frozenset(b"eE"), frozenset(b"+-")
_ESCAPES = {ord(key): value for key, value in zip('"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True)}
_WORDS = {b"true": True, b"false": False, b"null": None}


class RefusedError(Exception):
    """The octets are not to be read; ``rule`` says whether they follow the grammar, but break a rule."""

    def __init__(self, *, rule: bool = False) -> None:
        super().__init__()
        self.rule = rule


def read(octets: bytes) -> Any:
    """The value, or RefusedError."""
    reader = _Reader(octets)
    value = reader.value(0)
    reader.space()
    if reader.at < len(octets):
        raise RefusedError
    return value


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.at = 0

    def peek(self) -> int:
        return self.octets[self.at] if self.at < len(self.octets) else -1

    def space(self) -> None:
        while self.peek() in _SPACE:
            self.at += 1

    def take(self, octet: bytes) -> bool:
        self.space()
        if self.peek() != octet[0]:
            return False
        self.at += 1
        return True

    def value(self, depth: int) -> Any:
        self.space()
        for word, value in _WORDS.items():
            if self.octets.startswith(word, self.at):
                self.at += len(word)
                return value
        if self.peek() == ord('"'):
            return self.string()
        if self.peek() in _OPENERS:
            if depth == MAX_DEPTH:
                raise RefusedError(rule=True)
            return self.array(depth + 1) if self.take(b"[") else self.object(depth + 1)
        return self.number()

    def array(self, depth: int) -> list[Any]:
        values: list[Any] = []
        if self.take(b"]"):
            return values
        while True:
            values.append(self.value(depth))
            if self.take(b"]"):
                return values
            if not self.take(b","):
                raise RefusedError

    def object(self, depth: int) -> dict[str, Any]:
        self.take(b"{")
        members: dict[str, Any] = {}
        if self.take(b"}"):
            return members
        while True:
            self.space()
            name = self.string()
            if name in members:
                raise RefusedError(rule=True)
            if not self.take(b":"):
                raise RefusedError
            members[name] = self.value(depth)
            if self.take(b"}"):
                return members
            if not self.take(b","):
                raise RefusedError

    def string(self) -> str:
        if self.peek() != ord('"'):
            raise RefusedError
        self.at += 1
        characters: list[str] = []
        while self.peek() != ord('"'):
            characters.append(self.character())
        self.at += 1
        return "".join(characters)

    def character(self) -> str:
        first = self.peek()
        if first < ord(" "):
            raise RefusedError
        if first == ord("\\"):
            self.at += 1
            return self.escape()
        length = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        code = first if length == 1 else first & (0x7F >> length)
        if 0x80 <= first < 0xC2 or first > 0xF4:
            raise RefusedError(rule=True)
        for octet in self.octets[self.at + 1 : self.at + length]:
            if octet & 0xC0 != 0x80:
                raise RefusedError(rule=True)
            code = code << 6 | octet & 0x3F
        # RFC 3629 3: the shortest form alone, no surrogates, and nothing beyond U+10FFFF.
        least = (0, 0x80, 0x800, 0x10000)[length - 1]
        if self.at + length > len(self.octets) or not least <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise RefusedError(rule=True)
        self.at += length
        return chr(code)

    def escape(self) -> str:
        letter = self.peek()
        self.at += 1
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter != ord("u"):
            raise RefusedError
        unit = self.unit()
        if 0xD800 <= unit < 0xDC00 and self.octets.startswith(b"\\u", self.at):
            self.at += 2
            low = self.unit()
            if 0xDC00 <= low <= 0xDFFF:
                return chr(0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00)
            raise RefusedError(rule=True)
        if 0xD800 <= unit <= 0xDFFF:
            raise RefusedError(rule=True)
        return chr(unit)

    def unit(self) -> int:
        digits = self.octets[self.at : self.at + 4]
        if len(digits) < 4 or not _HEXADECIMAL.issuperset(digits):
            raise RefusedError
        self.at += 4
        return int(digits, 16)

    def digits(self) -> None:
        if self.peek() not in _DIGITS:
            raise RefusedError
        while self.peek() in _DIGITS:
            self.at += 1

    def number(self) -> int | float:
        begin, is_whole = self.at, True
        if self.peek() == ord("-"):
            self.at += 1
        if self.peek() == ord("0"):
            self.at += 1
        else:
            self.digits()
        if self.peek() == ord("."):
            self.at += 1
            self.digits()
            is_whole = False
        if self.peek() in _EXPONENT:
            self.at += 1
            if self.peek() in _SIGNS:
                self.at += 1
            self.digits()
            is_whole = False
        text = self.octets[begin : self.at].decode("ascii")
        if len(text) > MAX_NUMBER or (not is_whole and abs(float(text)) > LARGEST):
            raise RefusedError(rule=True)
        return int(text) if is_whole else float(text)
