#!/usr/bin/env python3
"""Writes goldens.json: records written, and read by a reader's schema, with fastavro 1.13.

Each case is one line: name, writer, reader (absent where it is the writer's), the records in hex,
and each as a row in JSON, as Azud writes it: null fields left out, bytes in base64.

    python3 goldens.py > goldens.json
"""

import base64
import datetime
import decimal
import io
import json

import fastavro

UTC = datetime.timezone.utc


def record(name, *fields):
    return {"type": "record", "name": name, "fields": list(fields)}


def field(name, of, **more):
    return {"name": name, "type": of, **more}


def shown(value):
    if isinstance(value, dict):
        return {key: shown(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        micros = (value - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1)
        return {"micros": micros}
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    return value


def case(name, writer, rows, reader=None, expected=None):
    written = fastavro.parse_schema(json.loads(json.dumps(writer)))
    wanted = fastavro.parse_schema(json.loads(json.dumps(reader))) if reader else None
    records, read = [], []
    for row in rows:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, written, row)
        records.append(out.getvalue().hex())
        back = fastavro.schemaless_reader(io.BytesIO(out.getvalue()), written, wanted)
        read.append(shown(back))
    line = {"name": name, "writer": writer}
    if reader:
        line["reader"] = reader
    print(json.dumps({**line, "records": records, "rows": expected or read}, ensure_ascii=False))


ALL = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]

case(
    "primitives",
    record("P", *(field(kind[0] + "1", kind) for kind in ALL[1:5]), field("e1", "double"),
           field("g1", "bytes"), field("s1", "string")),
    [
        {"b1": True, "i1": 0, "l1": 0, "f1": 0.0, "e1": 0.0, "g1": b"", "s1": ""},
        {"b1": False, "i1": 2**31 - 1, "l1": 2**63 - 1, "f1": 1.5, "e1": -1e300, "g1": b"\x00\xff", "s1": "Grüße 🌍"},
        {"b1": True, "i1": -(2**31), "l1": -(2**63), "f1": -0.25, "e1": 5e-324, "g1": b"a" * 200, "s1": "x" * 200},
        {"b1": True, "i1": -64, "l1": 64, "f1": 3.0, "e1": 0.1, "g1": b"\x80", "s1": "\x00"},
    ],
)
case(
    "nullable, first and second",
    record("N", field("a", ["null", "long"]), field("b", ["string", "null"]), field("c", ["null", "boolean"])),
    [{"a": None, "b": None, "c": None}, {"a": -7, "b": "x", "c": False}],
)
case(
    "nested",
    record(
        "T",
        field("list", {"type": "array", "items": ["null", "int"]}),
        field("map", {"type": "map", "values": {"type": "array", "items": "string"}}),
        field("inner", ["null", record("Inner", field("x", "int"), field("y", ["null", record("Deep", field("z", "bytes"))]))]),
        field("many", {"type": "array", "items": "Inner"}),
        field("suit", {"type": "enum", "name": "Suit", "symbols": ["SPADES", "HEARTS"]}),
        field("hash", {"type": "fixed", "name": "Hash", "size": 4}),
    ),
    [
        {"list": [], "map": {}, "inner": None, "many": [], "suit": "SPADES", "hash": b"abcd"},
        {
            "list": [1, None, 3],
            "map": {"a": [], "b": ["x", "y"]},
            "inner": {"x": 1, "y": {"z": b"\x01"}},
            "many": [{"x": 1, "y": None}, {"x": 2, "y": {"z": b""}}],
            "suit": "HEARTS",
            "hash": b"\x00\x01\x02\x03",
        },
        {"list": list(range(1000)), "map": {str(n): [str(n)] for n in range(20)}, "inner": None, "many": [], "suit": "SPADES", "hash": b"abcd"},
    ],
)
logical = lambda kind, name, **more: {"type": kind, "logicalType": name, **more}
case(
    "logical types",
    record(
        "L",
        field("day", logical("int", "date")),
        field("millis", logical("long", "timestamp-millis")),
        field("micros", logical("long", "timestamp-micros")),
        field("local", logical("long", "local-timestamp-micros")),
        field("price", logical("bytes", "decimal", precision=20, scale=2)),
        field("small", {"type": "fixed", "name": "Small", "size": 3, "logicalType": "decimal", "precision": 6, "scale": 3}),
    ),
    [
        {
            "day": datetime.date(2026, 2, 28),
            "millis": datetime.datetime(2026, 1, 1, 0, 0, 1, 5000, tzinfo=UTC),
            "micros": datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            "local": datetime.datetime(2026, 1, 1, 12, 0, 0, 1),
            "price": decimal.Decimal("-12345678901234567.89"),
            "small": decimal.Decimal("-999.999"),
        },
        {
            "day": datetime.date(1969, 12, 31),
            "millis": datetime.datetime(1970, 1, 1, tzinfo=UTC),
            "micros": datetime.datetime(1970, 1, 1, tzinfo=UTC),
            "local": datetime.datetime(1970, 1, 1),
            "price": decimal.Decimal("0.00"),
            "small": decimal.Decimal("0.001"),
        },
    ],
)
V1 = record("User", field("name", "string"), field("age", "int"), field("gone", {"type": "map", "values": ["null", "double", {"type": "array", "items": "bytes"}]}))
case(
    "a field is added, another removed, and they change places",
    V1,
    [{"name": "a", "age": 1, "gone": {"k": 1.0, "n": None, "l": [b"x"]}}, {"name": "b", "age": 2, "gone": {}}],
    record("User", field("city", "string", default="Ulm"), field("age", "long"), field("note", ["null", "string"], default=None), field("name", "string")),
)
case(
    "promotions",
    record("P", field("a", "int"), field("b", "int"), field("c", "int"), field("d", "long"), field("e", "long"), field("f", "float"), field("g", "string"), field("h", "bytes")),
    [{"a": 1, "b": -2, "c": 3, "d": 2**20, "e": -5, "f": 0.5, "g": "Grüße", "h": b"abc"}],
    record("P", field("a", "long"), field("b", "float"), field("c", "double"), field("d", "float"), field("e", "double"), field("f", "double"), field("g", "bytes"), field("h", "string")),
)
case(
    "aliases",
    record("Old", field("was", "int"), field("stays", "string")),
    [{"was": 7, "stays": "s"}],
    {**record("New", field("stays", "string"), field("now", "long", aliases=["other", "was"])), "aliases": ["Old"]},
)
case(
    "an enum with a default",
    record("E", field("e", {"type": "enum", "name": "Colour", "symbols": ["RED", "PINK", "BLUE"]})),
    [{"e": "RED"}, {"e": "PINK"}, {"e": "BLUE"}],
    record("E", field("e", {"type": "enum", "name": "Colour", "symbols": ["UNKNOWN", "BLUE", "RED"], "default": "UNKNOWN"})),
)
case(
    "what was required may be null, and the other way round",
    record("U", field("a", "int"), field("b", ["null", "int"])),
    [{"a": 1, "b": 2}],
    record("U", field("a", ["null", "long"]), field("b", "int")),
)
case(
    "defaults of all types",
    record("D", field("a", "int")),
    [{"a": 1}],
    record(
        "D",
        field("a", "int"),
        field("b", "boolean", default=True),
        field("i", "long", default=-3),
        field("f", "double", default=2.5),
        field("s", "string", default="ä"),
        field("y", ["null", "bytes"], default=None),
        field("l", {"type": "array", "items": "int"}, default=[1, 2]),
        field("m", {"type": "map", "values": "string"}, default={"k": "v"}),
        field("r", record("Sub", field("x", "int"), field("y", "string")), default={"x": 1, "y": "z"}),
        field("e", {"type": "enum", "name": "En", "symbols": ["A", "B"]}, default="B"),
    ),
)
case(
    "a union of several types is a struct of members",
    record("M", field("u", ["null", "int", "string", record("Sub", field("x", "int"))])),
    [{"u": None}, {"u": 5}, {"u": "x"}, {"u": {"x": 2}}],
    expected=[{}, {"u": {"member0": 5}}, {"u": {"member1": "x"}}, {"u": {"member2": {"x": 2}}}],
)
case(
    "a union of whole numbers is the wider one",
    record("W", field("u", ["int", "long"]), field("v", ["float", "null", "double"])),
    [{"u": 5, "v": 1.5}, {"u": 2**40, "v": None}],
)
case(
    "a type that contains itself is passed over",
    record("List", field("id", "int"), field("next", ["null", "List"])),
    [{"id": 1, "next": {"id": 2, "next": {"id": 3, "next": None}}}],
    record("List", field("id", "int")),
)
case(
    "names in namespaces",
    {"type": "record", "name": "a.b.Out", "fields": [
        field("x", {"type": "record", "name": "In", "fields": [field("v", "int")]}),
        field("y", "In"),
        field("z", "a.b.In"),
    ]},
    [{"x": {"v": 1}, "y": {"v": 2}, "z": {"v": 3}}],
    {"type": "record", "name": "Out", "namespace": "other", "fields": [
        field("z", {"type": "record", "name": "In", "fields": [field("v", "long")]}),
        field("x", "In"),
    ]},
)
