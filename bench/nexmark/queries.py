"""The queries of Nexmark that read files, in the words that Azud and Spark share.

They compute what nexmark/nexmark's `queries/q*.sql` compute; windows are Spark's functions, and
where a join is by both ends of a window it is by the window."""

SCHEMAS = {
    "person": "id bigint, name string, emailAddress string, creditCard string, city string, "
    "state string, dateTime timestamp, extra string",
    "auction": "id bigint, itemName string, description string, initialBid bigint, reserve bigint, "
    "dateTime timestamp, expires timestamp, seller bigint, category bigint, extra string",
    "bid": "auction bigint, bidder bigint, price bigint, dateTime timestamp, extra string",
    "side": "key bigint, value string",
}

# How much later than the latest row one may come: seconds.
DELAY = 4

# A table and no stream.
STATIC = {"side"}

QUERIES = {
    # Passes bids through.
    "q0": (["bid"], "SELECT auction, bidder, price, dateTime, extra FROM bid"),
    # Dollars to euros.
    "q1": (["bid"], "SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid"),
    # Bids for some auctions.
    "q2": (["bid"], "SELECT auction, price FROM bid WHERE auction % 123 = 0"),
    # The auctions with the most bids of the last 10 seconds, every two.
    "q5": (
        ["bid"],
        "WITH counts AS (SELECT auction, window(dateTime, '10 seconds', '2 seconds') AS win, "
        "count(*) AS num FROM bid GROUP BY auction, window(dateTime, '10 seconds', '2 seconds')), "
        "most AS (SELECT win, max(num) AS maxn FROM counts GROUP BY win) "
        "SELECT c.auction, c.num FROM counts AS c JOIN most AS m ON c.win = m.win AND c.num >= m.maxn",
    ),
    # The highest bids of each 10 seconds.
    "q7": (
        ["bid"],
        "WITH highest AS (SELECT price, window_time(window) AS at FROM (SELECT max(price) AS price, "
        "window FROM bid GROUP BY window(dateTime, '10 seconds'))) "
        "SELECT b.auction, b.price, b.bidder, b.dateTime, b.extra FROM bid AS b JOIN highest AS h "
        "ON b.price = h.price AND b.dateTime BETWEEN h.at - INTERVAL 10 SECONDS AND h.at",
    ),
    # People who sell in the 10 seconds that they came in.
    "q8": (
        ["person", "auction"],
        "SELECT p.id, p.name, p.win.start AS starttime FROM "
        "(SELECT id, name, window(dateTime, '10 seconds') AS win FROM person "
        "GROUP BY id, name, window(dateTime, '10 seconds')) AS p JOIN "
        "(SELECT seller, window(dateTime, '10 seconds') AS win FROM auction "
        "GROUP BY seller, window(dateTime, '10 seconds')) AS a ON p.id = a.seller AND p.win = a.win",
    ),
    # Bids of a bidder, by sessions.
    "q11": (
        ["bid"],
        "SELECT bidder, count(*) AS bid_count, session_window.start AS starttime, "
        "session_window.end AS endtime FROM bid GROUP BY bidder, session_window(dateTime, '10 seconds')",
    ),
    # Bids of a bidder, by the clock: no run gives the same rows as another.
    "q12": (
        ["bid"],
        "SELECT bidder, count(*) AS bid_count, window.start AS starttime, window.end AS endtime "
        "FROM bid GROUP BY bidder, window(current_timestamp(), '10 seconds')",
    ),
    # Bids beside a table.
    "q13": (
        ["bid", "side"],
        "SELECT b.auction, b.bidder, b.price, b.dateTime, s.value "
        "FROM bid AS b JOIN side AS s ON b.auction % 10000 = s.key",
    ),
}

# Its rows go nowhere, and are not compared.
BY_CLOCK = {"q12"}
