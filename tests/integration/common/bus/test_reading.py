"""Many streams in one round trip, in part or whole."""

from common.bus.reading import MOST_ENTRIES, read_streams

LONG = 5 * MOST_ENTRIES


async def filled(link, *keys):
    for key in keys:
        for number in range(1, LONG + 1):
            await link.call("XADD", key, f"{number}-1", "n", number)
        await link.call("EXPIRE", key, 60)


async def test_of_a_stream_only_so_much_is_read_in_a_round(link):
    await filled(link, b"a", b"b")
    news = dict(await read_streams(link, {0: {b"a": b"3-1", b"b": b"0-0"}}))
    assert [entry for entry, _ in news[b"a"]] == [b"%d-1" % n for n in range(4, 4 + MOST_ENTRIES)]
    assert len(news[b"b"]) == MOST_ENTRIES


async def test_streams_that_are_read_whole_come_first_and_miss_nothing(link):
    await filled(link, b"a", b"b", b"c")
    found = await read_streams(
        link, {0: {b"c": b"0-0"}}, whole={0: {b"a": b"2-1", b"b": b"0-0", b"none": b"0-0"}}
    )
    assert [(key, len(entries)) for key, entries in found] == [
        (b"a", LONG - 2),
        (b"b", LONG),
        (b"c", MOST_ENTRIES),
    ]
