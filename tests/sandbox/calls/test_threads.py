"""It is always the thread that is asked: for its memory as it is now, and for what it has open itself."""

from __future__ import annotations


def test_one_that_outlives_the_first_of_its_process(logged, build):
    log = logged(build("apart"), "left")
    assert log.ended.exit_status == 0, log.said
    assert log.of() == [("file.create", "alone"), ("file.write", "alone"), ("file.write", "alone"),
                        ("file.mode", "alone"), ("net.listen", "")]  # fmt: skip
    assert log.ended.processes[-1].arguments == ("alone",)


def test_one_with_files_of_its_own_open(logged, build):
    log = logged(build("apart"), "files")
    assert log.ended.exit_status == 0, log.said
    assert [event.fields["port"] for event in log.events if event.kind == "net.listen"] == [8083]


def test_what_nobody_may_dump_is_told_all_the_same(logged, build):
    log = logged(build("apart"), "undumpable")
    assert log.ended.exit_status == 0, log.said
    told = [one for one in log.of() if one[1] != "/root/none"]  # which only root can make
    assert [kind for kind, _ in told] == ["file.create", "file.create", "file.mode", "net.listen"]
    assert [path for _, path in told[:2]] == ["a", "b"]


def test_the_memory_a_process_had_before_it_became_another_program_is_not_read(logged, build):
    log = logged(build("apart"), "forged")
    assert log.ended.exit_status == 0, log.said
    names = [path for _, path in log.of("file.create") if not path.startswith("busy")]
    assert names == ["true"] * 20


def test_names_that_end_at_a_page_or_lie_where_nothing_is_read(logged, build):
    log = logged(build("apart"), "pages")
    assert log.ended.exit_status == 0, log.said
    assert log.of() == [
        ("file.create", "across"), ("file.create", "end"), ("file.create", "unread"), ("file.delete", "unread"),
    ]  # fmt: skip


def test_an_address_whose_low_half_is_zero(logged, build):
    log = logged(build("apart"), "sendto")
    assert log.ended.exit_status == 0, log.said
    (reached,) = [event.fields for event in log.events if event.kind == "net.connect"]
    assert (reached["address"], reached["port"], reached["protocol"]) == ("127.0.0.1", 8085, "udp")
