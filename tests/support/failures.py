"""What every failure has to say."""

FINAL = {"error", "exit_code", "hint"}


def final_event(ended):
    """Return the one event that explains a failure, and hold it to what each of them must have."""
    finals = [event for event in ended.events if set(event) >= FINAL]

    assert len(finals) == 1, ended
    (event,) = finals
    assert event["exit_code"] == ended.code
    assert event["error"]
    assert event["hint"]
    assert event == ended.events[-1]
    return event
