"""The judgement of the scheduler lock: a pure function of row, clocks and instance."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bangui_cli.rules import lease
from bangui_cli.rules.lease import Instant, LockRow, judge

BOOT, OTHER_BOOT = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
TTL_S = 300.0
HEARTBEAT_WALL_S, HEARTBEAT_UPTIME_S = 1_700_000_000.0, 50_000.0


def our_row(**columns) -> LockRow:
    """Return the row that instance web1 left behind with its last heartbeat."""
    row = LockRow(
        pid=17,
        hostname="host",
        created_at=HEARTBEAT_WALL_S - 60,
        heartbeat_at=HEARTBEAT_WALL_S,
        heartbeat_timeout=TTL_S,
        owner="web1",
        lease_id="a-lease",
        token=7,
        boot_id=BOOT,
        heartbeat_boottime=HEARTBEAT_UPTIME_S,
        heartbeat_written=HEARTBEAT_WALL_S,
    )
    return row._replace(**columns)


def banguis_row(**columns) -> LockRow:
    """Return a row that BanGUI inserted: it knows nothing of this tool's columns."""
    ours = ("owner", "lease_id", "token", "boot_id", "heartbeat_boottime", "heartbeat_written")
    return our_row(**{**dict.fromkeys(ours), **columns})


def instant(age_s: float = 0.0, *, wall_step_s: float = 0.0, **columns) -> Instant:
    """Return the clocks `age_s` after the last heartbeat, the wall clock set by `wall_step_s`."""
    clocks = Instant(HEARTBEAT_WALL_S + age_s + wall_step_s, HEARTBEAT_UPTIME_S + age_s, BOOT)
    return clocks._replace(**columns)


def server_instant(age_s: float, boot_id: str = BOOT) -> Instant:
    """Return the one clock of a server, so long after the last heartbeat."""
    return Instant(HEARTBEAT_WALL_S + age_s, HEARTBEAT_WALL_S + age_s, boot_id)


EMPTY_ROW = LockRow(*[None] * len(LockRow._fields))
ON_A_SERVER = our_row(heartbeat_boottime=HEARTBEAT_WALL_S)

ages = st.floats(0, 10_000_000, allow_nan=False)
steps = st.floats(-1e9, 1e9, allow_nan=False)
instances = st.sampled_from(["web1", "web2"])
values = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary()
)
damages = st.dictionaries(st.sampled_from(LockRow._fields), values, max_size=3)
any_rows = st.builds(lambda damage: our_row(**damage), damages)


@pytest.mark.parametrize(
    ("row", "now", "instance", "verdict", "outcome"),
    [
        (None, instant(), "web1", "free", "created"),
        (our_row(), instant(10), "web1", "mine", "refreshed"),
        (our_row(), instant(10), "web2", "held", "held"),
        (our_row(), instant(TTL_S + 10), "web1", "expired", "reacquired"),
        (our_row(), instant(TTL_S + 10), "web2", "expired", "taken_over"),
        # The age of exactly the TTL is too old.
        (our_row(), instant(TTL_S), "web2", "expired", "taken_over"),
        (our_row(), instant(TTL_S - 0.001), "web2", "held", "held"),
        # A little in the future is the noise of two clocks read one after the other.
        (our_row(), instant(-5), "web2", "held", "held"),
        # Another boot: as old as this boot at least.
        (our_row(boot_id=OTHER_BOOT), instant(boottime_s=TTL_S - 1), "web2", "held", "held"),
        (our_row(boot_id=OTHER_BOOT), instant(boottime_s=TTL_S - 1), "web1", "mine", "refreshed"),
        (our_row(boot_id=OTHER_BOOT), instant(boottime_s=TTL_S), "web2", "expired", "taken_over"),
        # The TTL in the row counts, up to 1 h.
        (our_row(heartbeat_timeout=20), instant(21), "web2", "expired", "taken_over"),
        (our_row(heartbeat_timeout=86400), instant(3599), "web2", "held", "held"),
        (our_row(heartbeat_timeout=86400), instant(3600), "web2", "expired", "taken_over"),
        (our_row(heartbeat_timeout=0), instant(), "web2", "expired", "taken_over"),
        # BanGUI's row: the wall clock is all there is; in the future by more than its TTL is nonsense.
        (banguis_row(), instant(10), "web1", "held", "held"),
        (banguis_row(), instant(TTL_S), "web1", "expired", "taken_over"),
        (banguis_row(), instant(-TTL_S), "web1", "held", "held"),
        (banguis_row(), instant(-TTL_S - 1), "web1", "expired", "taken_over"),
        # BanGUI refreshed a row of ours: what stands in our columns counts for nothing.
        (our_row(heartbeat_at=HEARTBEAT_WALL_S + 100), instant(150), "web1", "held", "held"),
        (our_row(heartbeat_at=HEARTBEAT_WALL_S + 100), instant(390), "web1", "held", "held"),
        (our_row(heartbeat_at=HEARTBEAT_WALL_S - 400), instant(), "web1", "expired", "taken_over"),
        # What a release leaves behind is free, until somebody writes a heartbeat.
        (
            our_row(heartbeat_at=0, heartbeat_written=0, lease_id=None, owner=None),
            instant(),
            "web2",
            "free",
            "created",
        ),
        (our_row(heartbeat_written=0, lease_id=None, owner=None), instant(), "web2", "held", "held"),
        (our_row(heartbeat_at=0, heartbeat_written=0), instant(), "web2", "held", "held"),
        # Nobody holds what was emptied.
        (EMPTY_ROW, instant(), "web2", "free", "created"),
        # Written in this boot under another ID, as in a container: both clocks say the same age.
        (our_row(boot_id=OTHER_BOOT), instant(TTL_S - 1), "web2", "held", "held"),
        (our_row(boot_id=OTHER_BOOT), instant(TTL_S - 1), "web1", "mine", "refreshed"),
        (our_row(boot_id=OTHER_BOOT), instant(TTL_S), "web2", "expired", "taken_over"),
        (our_row(boot_id=OTHER_BOOT), instant(10, wall_step_s=5), "web2", "held", "held"),
        (our_row(boot_id=OTHER_BOOT), instant(10, wall_step_s=5.1), "web2", "expired", "taken_over"),
        (our_row(boot_id=OTHER_BOOT), instant(10, wall_step_s=-5.1), "web2", "expired", "taken_over"),
        (our_row(boot_id=OTHER_BOOT), instant(-5), "web2", "held", "held"),
        (our_row(boot_id=OTHER_BOOT), instant(-5.1), "web2", "expired", "taken_over"),
        (
            our_row(boot_id=OTHER_BOOT, heartbeat_boottime=None),
            instant(10),
            "web2",
            "expired",
            "taken_over",
        ),
        # On a server, whose clocks are one, another system identifier is another boot.
        (ON_A_SERVER, server_instant(10), "web2", "held", "held"),
        (ON_A_SERVER, server_instant(10, boot_id=OTHER_BOOT), "web2", "expired", "taken_over"),
        # A kernel that does not tell its boot leaves the wall clock.
        (our_row(boot_id=None), instant(10), "web2", "held", "held"),
        (our_row(), instant(10, boot_id=None, boottime_s=None), "web2", "held", "held"),
        (our_row(), instant(TTL_S, boot_id=None), "web2", "expired", "taken_over"),
    ],
)
def test_judgement(row, now, instance, verdict, outcome):
    """Each kind of row gets its verdict, and the outcome a pass has with it."""
    judgement = judge(row, now, instance)

    assert (verdict, outcome, None) == (judgement.verdict, judgement.outcome, judgement.malformed)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"heartbeat_at": "soon", "heartbeat_written": "soon"}, "heartbeat_at is not a number >= 0"),
        ({"heartbeat_at": -1.0, "heartbeat_written": -1.0}, "heartbeat_at is not a number >= 0"),
        ({"heartbeat_at": None, "heartbeat_written": None}, "heartbeat_at is not a number >= 0"),
        ({"heartbeat_timeout": None}, "heartbeat_timeout is not a number >= 0"),
        ({"heartbeat_timeout": "300"}, "heartbeat_timeout is not a number >= 0"),
        ({"heartbeat_timeout": -300}, "heartbeat_timeout is not a number >= 0"),
        ({"heartbeat_timeout": float("inf")}, "heartbeat_timeout is not a number >= 0"),
        ({"heartbeat_boottime": None}, "heartbeat_boottime is not a number >= 0"),
        ({"heartbeat_boottime": b"\0"}, "heartbeat_boottime is not a number >= 0"),
        ({"heartbeat_boottime": HEARTBEAT_UPTIME_S + 6.1}, "heartbeat_boottime is in the future"),
        ({"boot_id": 5}, "boot_id is not text"),
        ({"owner": None}, "owner is not text"),
        ({"owner": ""}, "owner is not text"),
        ({"lease_id": 5}, "lease_id is not text"),
        ({"token": None}, "token is not a positive integer"),
        ({"token": 0}, "token is not a positive integer"),
        ({"token": 2.5}, "token is not a positive integer"),
        ({"token": 2**63 - 1}, "token is not a positive integer"),
    ],
)
def test_a_row_that_cannot_be_proven_fresh_is_expired(columns, reason):
    """The reason is told, so that the event can name it."""
    judgement = judge(our_row(**columns), instant(1), "web2")

    assert ("expired", "taken_over", reason) == (
        judgement.verdict,
        judgement.outcome,
        judgement.malformed,
    )


@given(age_s=ages, step_s=steps, instance=instances)
def test_a_step_of_the_wall_clock_changes_nothing(age_s, step_s, instance):
    """Neither can it steal a live lock nor freeze a dead one."""
    steady = judge(our_row(), instant(age_s), instance)

    assert steady == judge(our_row(), instant(age_s, wall_step_s=step_s), instance)


@given(age_s=ages, ttl_s=st.floats(0, 7200))
def test_on_one_boot_the_lock_is_fresh_until_its_ttl(age_s, ttl_s):
    """The age is measured on the boot clock, and the TTL in the row counts, capped at 1 h."""
    now = instant(age_s)
    is_fresh = now.boottime_s - HEARTBEAT_UPTIME_S < min(ttl_s, 3600)

    assert is_fresh == (judge(our_row(heartbeat_timeout=ttl_s), now, "web2").outcome == "held")


@given(uptime_s=ages, age_s=ages)
def test_after_another_boot_the_lock_is_fresh_only_while_the_uptime_is_below_its_ttl(uptime_s, age_s):
    """Whoever wrote it died with its boot, whatever the clocks said then."""
    assume(abs(age_s - (uptime_s - HEARTBEAT_UPTIME_S)) > lease.AGREEMENT_S)
    judgement = judge(our_row(boot_id=OTHER_BOOT), instant(age_s, boottime_s=uptime_s), "web2")

    assert (uptime_s < TTL_S) == (judgement.outcome == "held")


@given(age_s=ages, drift_s=st.floats(-4.9, 4.9), instance=instances)
def test_a_container_with_a_boot_id_of_its_own_is_judged_as_its_host(age_s, drift_s, instance):
    """The lock excludes them both, and expires for both at the same moment."""
    inside = our_row(boot_id=OTHER_BOOT)

    expected = judge(our_row(), instant(age_s), instance)
    assert expected == judge(inside, instant(age_s, wall_step_s=drift_s), instance)


@given(uptime_s=ages, then_s=ages, start_s=st.floats(-5, 5))
def test_boots_that_start_at_the_same_wall_time_delay_a_takeover_by_one_ttl_at_most(
    uptime_s, then_s, start_s
):
    """Without a battery each boot may start at the same time: the row of a dead one must not stay fresh."""
    row = our_row(boot_id=OTHER_BOOT, heartbeat_boottime=then_s)
    now = Instant(HEARTBEAT_WALL_S - then_s + uptime_s + start_s, uptime_s, BOOT)

    is_held = judge(row, now, "web2").outcome == "held"
    assert not is_held or uptime_s < TTL_S or -lease.FUTURE_TOLERANCE_S <= uptime_s - then_s < TTL_S


@given(age_s=ages, instance=instances)
def test_a_servers_clock_says_nothing_about_another_system(age_s, instance):
    """A dump that was restored elsewhere is nobody's lock: its clocks agree with any."""
    judgement = judge(ON_A_SERVER, server_instant(age_s, boot_id=OTHER_BOOT), instance)

    assert judgement.verdict == "expired"
    assert judge(ON_A_SERVER, server_instant(1), "web2").verdict == "held"


@given(row=any_rows, age_s=ages, instance=instances)
def test_any_row_gets_a_verdict(row, age_s, instance):
    """Whatever another program left in the columns, the lock is judged and can be replaced."""
    judgement = judge(row, instant(age_s), instance)

    assert judgement.verdict in ("free", "mine", "held", "expired")
    assert judgement.malformed is None or judgement.verdict == "expired"
    assert (judgement.verdict == "held") == (judgement.outcome == "held")


@given(row=any_rows, age_s=ages)
def test_two_instances_never_both_hold_the_lock(row, age_s):
    """At one instant a lock is mine for one instance at most, and held for all others."""
    now = instant(age_s)
    verdicts = [judge(row, now, instance).verdict for instance in ("web1", "web2")]

    assert verdicts.count("mine") <= 1
    assert ("mine" not in verdicts) or ("held" in verdicts)


@given(row=any_rows, age_s=st.floats(0, TTL_S), instance=instances)
def test_a_lock_that_nobody_refreshes_expires(row, age_s, instance):
    """No row, however strange, blocks all instances for longer than the ceiling of the TTL."""
    now = instant(age_s)
    assume(judge(row, now, instance).verdict == "held")
    later_s = 2 * lease.TTL_CEILING_S + 1
    later = now._replace(wall_s=now.wall_s + later_s, boottime_s=now.boottime_s + later_s)

    assert judge(row, later, instance).verdict != "held"


@given(age_s=ages)
def test_age_and_time_to_expiry_add_up_to_the_ttl(age_s):
    """What `lock show` prints is one arithmetic; an expired lock has nothing left."""
    judgement = judge(our_row(), instant(age_s), "web1")

    expected = TTL_S - judgement.age_s if judgement.verdict == "mine" else min(TTL_S - age_s, 0)
    assert expected == pytest.approx(judgement.expires_in_s)


def test_a_lock_that_expired_by_its_future_has_nothing_left():
    """A row of BanGUI from before the clock was set back must not look good for years."""
    assert judge(banguis_row(), instant(-TTL_S - 1), "web1").expires_in_s == 0


@given(token=values)
def test_the_known_token_can_always_be_counted_on(token):
    """The next token fits SQLite's integers, and no nonsense in the column lowers it below 0."""
    known = our_row(token=token).known_token

    assert 0 <= known < known + 1 < 2**63


@pytest.mark.parametrize(
    ("age_s", "left_s"), [(0, TTL_S), (299, 1), (300, None), (400, None), (-6, None)]
)
def test_a_row_stays_fresh_just_so_long_as_is_told(age_s, left_s):
    """What was judged by it is good until then, and no longer; of no row nothing is told."""
    assert lease.fresh_for_s(ON_A_SERVER, server_instant(age_s)) == left_s
    assert lease.fresh_for_s(EMPTY_ROW, server_instant(age_s)) is None
    assert lease.fresh_for_s(None, server_instant(age_s)) is None
