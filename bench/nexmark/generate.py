"""Writes the events of an online auction as Nexmark has them: of 50 events one person, three
auctions and 46 bids, 10,000 events a second of event time, each kind in a folder of its own, and a
side input of 10,000 rows. The same for the same arguments.

As in Nexmark, half of the bids go to the hot auction of the moment, three quarters of them come
from the hot bidder, and three quarters of the auctions from the hot seller; the others are spread
over the last 100 auctions and the last 1,000 people. Rows are padded to its average sizes."""

import random
import sys
from pathlib import Path

PERSONS, AUCTIONS, EVENTS = 1, 3, 50
EVENTS_A_SECOND = 10_000
FIRST = 1_000
HOT_EVERY = 100
AUCTIONS_IN_FLIGHT, ACTIVE_PEOPLE = 100, 1_000
# Of how many one is not hot.
HOT_AUCTION, HOT_BIDDER, HOT_SELLER = 2, 4, 4
SIZES = {"person": 200, "auction": 500, "bid": 100}
NAMES = ["Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"]
SURNAMES = ["Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"]
CITIES = ["Phoenix AZ", "Los Angeles CA", "San Francisco CA", "Boise ID", "Portland OR", "Bend OR",
          "Redmond WA", "Seattle WA", "Kent WA", "Cheyenne WY"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FILLING = "".join(random.Random(1).choices(LETTERS, k=4_096))


def stamp(micros):
    minutes, micros = divmod(micros, 60_000_000)
    return f"2026-01-01T{minutes // 60:02}:{minutes % 60:02}:{micros // 1_000_000:02}.{micros // 1_000 % 1_000:03}Z"


def filling(draw, kind, used):
    """What is left of a row's size, give or take a fifth."""
    left = max(SIZES[kind] - used, 0)
    length = round(left * draw.uniform(0.8, 1.2))
    start = draw.randrange(len(FILLING) - 1_024)
    return FILLING[start : start + length]


def person(draw, number, time):
    name = f"{draw.choice(NAMES)} {draw.choice(SURNAMES)}"
    mail = f"{''.join(draw.choices(LETTERS, k=7))}@{''.join(draw.choices(LETTERS, k=5))}.com"
    card = " ".join(f"{draw.randrange(10_000):04}" for _ in range(4))
    city, state = draw.choice(CITIES).rsplit(" ", 1)
    extra = filling(draw, "person", 16 + len(name) + len(mail) + len(card) + len(city))
    return (f'{{"id":{FIRST + number},"name":"{name}","emailAddress":"{mail}","creditCard":"{card}",'
            f'"city":"{city}","state":"{state}","dateTime":"{stamp(time)}","extra":"{extra}"}}\n')


def auction(draw, number, people, time):
    if draw.randrange(HOT_SELLER):
        seller = (people - 1) // HOT_EVERY * HOT_EVERY
    else:
        seller = draw.randrange(max(people - ACTIVE_PEOPLE, 0), people)
    first = price(draw)
    item = "".join(draw.choices(LETTERS, k=10))
    about = filling(draw, "auction", 420)
    extra = filling(draw, "auction", 130)
    expires = time + draw.randrange(1, 20) * 1_000_000
    return (f'{{"id":{FIRST + number},"itemName":"{item}","description":"{about}","initialBid":{first},'
            f'"reserve":{first + price(draw)},"dateTime":"{stamp(time)}","expires":"{stamp(expires)}",'
            f'"seller":{FIRST + seller},"category":{10 + draw.randrange(5)},"extra":"{extra}"}}\n')


def bid(draw, auctions, people, time):
    if draw.randrange(HOT_AUCTION):
        of = (auctions - 1) // HOT_EVERY * HOT_EVERY
    else:
        of = draw.randrange(max(auctions - AUCTIONS_IN_FLIGHT, 0), auctions)
    if draw.randrange(HOT_BIDDER):
        bidder = min((people - 1) // HOT_EVERY * HOT_EVERY + 1, people - 1)
    else:
        bidder = draw.randrange(max(people - ACTIVE_PEOPLE, 0), people)
    extra = filling(draw, "bid", 32)
    return (f'{{"auction":{FIRST + of},"bidder":{FIRST + bidder},"price":{price(draw)},'
            f'"dateTime":"{stamp(time)}","extra":"{extra}"}}\n')


def price(draw):
    return round(10 ** (draw.random() * 6) * 100)


def main(folder, bids, files, rate=EVENTS_A_SECOND):
    draw = random.Random(20260104)
    out = Path(folder)
    kinds = ("person", "auction", "bid")
    for kind in kinds:
        (out / kind).mkdir(parents=True, exist_ok=True)
    groups, rest = divmod(bids, EVENTS - PERSONS - AUCTIONS)
    events = groups * EVENTS + (rest and rest + PERSONS + AUCTIONS)
    people = auctions = 0
    for number in range(files):
        # Those of one number are of the same moments.
        opened = {kind: open(out / kind / f"part-{number:03}.json", "w") for kind in kinds}
        for event in range(events * number // files, events * (number + 1) // files):
            time = event * 1_000_000 // rate
            place = event % EVENTS
            if place < PERSONS:
                opened["person"].write(person(draw, people, time))
                people += 1
            elif place < PERSONS + AUCTIONS:
                opened["auction"].write(auction(draw, auctions, people, time))
                auctions += 1
            else:
                opened["bid"].write(bid(draw, auctions, people, time))
        for file in opened.values():
            file.close()
    (out / "side").mkdir(exist_ok=True)
    rows = (f'{{"key":{key},"value":"side input {key}"}}\n' for key in range(10_000))
    (out / "side" / "side.json").write_text("".join(rows))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
