"""How far fail2ban's tables were read is told from what stands there now, whatever was deleted since."""

from hypothesis import example, given
from hypothesis import strategies as st

from bangui_cli.rules import watermark
from bangui_cli.rules.watermark import Anchor, Mark

rowids = st.lists(st.integers(1, 300), unique=True).map(sorted)
anchors = st.lists(st.builds(Anchor, st.integers(), st.integers(0, 2**32 - 1))).map(tuple)
addresses = st.from_regex(r"[0-9a-f.:/]*", fullmatch=True)
times = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.just("")
marks = st.builds(Mark, anchors, anchors, addresses, st.booleans(), times)


def anchors_of(table):
    """Return the anchors of a table, a dictionary of rows by number."""
    return tuple(Anchor(rowid, table[rowid]) for rowid in watermark.milestones(sorted(table)[::-1]))


@given(marks)
def test_a_mark_is_read_back_as_it_was(mark):
    """It lives as one text in the database."""
    assert watermark.unpack(watermark.pack(mark)) == mark


@given(st.text() | st.none())
@example("1:x;;;")
@example("x;;;")
def test_any_text_is_a_mark(text):
    """Of what another hand wrote there, reading begins anew."""
    mark = watermark.unpack(text)

    assert watermark.unpack(watermark.pack(mark)) == mark or ";" in mark.swept


@given(rowids, rowids)
def test_milestones_do_not_depend_on_how_often_was_read(first, more):
    """What a run keeps of those before it is what one that reads everything would keep."""
    later = [300 + rowid for rowid in more]
    kept = list(watermark.milestones(first[::-1]))

    assert list(watermark.milestones(later[::-1] + kept)) == list(
        watermark.milestones((first + later)[::-1])
    )


@given(rowids)
def test_milestones_are_few_and_begin_with_the_newest(numbers):
    """The last sixteen, and one for each power of two at most."""
    kept = list(watermark.milestones(numbers[::-1]))

    assert kept[:16] == numbers[:-17:-1]
    assert len(kept) <= 16 + 10
    assert kept == sorted(kept, reverse=True)


deletions = st.lists(st.integers(1, 60), min_size=1)
insertions = st.lists(st.booleans(), min_size=1, max_size=30).map(tuple)


@given(st.integers(0, 60), st.lists(deletions | insertions, max_size=8))
@example(3, [[2, 3], (False, True)])
@example(54, [[52, 53, 54], (True, False, True)])
def test_what_is_written_after_the_mark_is_behind_it(rows, steps):
    """However rows are deleted and numbers given anew: SQLite's next number is the highest plus one.

    Some rows come back as they were, as when a log is read again.
    """
    table = {rowid: rowid for rowid in range(1, rows + 1)}
    mark = anchors_of(table)
    for step in steps:
        for each in step:
            if isinstance(step, list):
                table.pop(each, None)
            else:
                rowid = max(table, default=0) + 1
                table[rowid] = rowid if each else -rowid

    held = watermark.holding(mark, table)
    unseen = {rowid for rowid, row in table.items() if row < 0 or rowid > rows}

    assert all(rowid > (held[0].rowid if held else 0) for rowid in unseen)


def test_a_row_that_is_gone_costs_a_second_look_at_few():
    """fail2ban replaces the row of an address that it bans again."""
    table = dict.fromkeys(range(1, 1_000_001), 7)
    mark = anchors_of(table)
    for gone in range(999_990, 1_000_001):
        del table[gone]

    assert watermark.holding(mark, table)[0].rowid > 999_900


def test_another_row_in_an_anchors_place_disproves_those_behind_it():
    """Number 3 looks as it did, and is another row: 2 was given anew, and so was 3."""
    assert watermark.holding(anchors_of({1: 1, 2: 2, 3: 3}), {1: 1, 2: 9, 3: 3}) == (Anchor(1, 1),)
    assert watermark.holding(anchors_of({2: 2, 3: 3, 4: 4}), {2: 2, 4: 4}) == (
        Anchor(4, 4),
        Anchor(2, 2),
    )
