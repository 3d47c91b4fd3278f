"""Agents come into chosen programs, and the programs do as they would have done."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable

import pytest
from from_outside import controller

from pratique.events import EventKind, Field

from .conftest import Extra, Watch

FORKING = r"""
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/wait.h>
#include <sys/resource.h>
int main(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    int good = 0;
    for (int i = 0; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof name, "TOKEN_%d", i);
        getenv(name);
        pid_t child = fork();
        if (child == 0) {
            free(malloc(1000));
            getenv("CHILDS_TOKEN");
            if (i % 3 == 0) _exit(i);
            if (i % 3 == 1) exit(i);
            abort();
        }
        int status;
        waitpid(child, &status, 0);
        good += i % 3 < 2 ? WIFEXITED(status) && WEXITSTATUS(status) == i : WIFSIGNALED(status);
    }
    return good;
}
"""

SHORT = r"""
#include <stdlib.h>
#include <stdio.h>
int main(int count, char **words) {
    char name[32];
    snprintf(name, sizeof name, "TOKEN_%s", words[1]);
    getenv(name);
    return atoi(words[1]);
}
"""


def test_an_agent_is_there_before_the_programs_own_first_line(watch: Watch, compiled: Callable[..., str]):
    program = compiled('#include <stdlib.h>\nint main(void) { getenv("FIRST_TOKEN"); return 7; }')
    seen = watch(program, instrument=(program,))
    assert seen.ended.exit_status == 7
    assert seen.values("env.read", "name") == ["FIRST_TOKEN"]
    assert (seen.coverage.executed, seen.coverage.instrumented, seen.coverage.not_instrumented) == (1, 1, ())
    assert seen.run.state == "ok"
    assert seen.effects == []


def test_forked_children_live_and_are_counted(watch: Watch, compiled: Callable[..., str]):
    program = compiled(FORKING)
    seen = watch(program, instrument=(program,))
    assert seen.ended.exit_status == 60
    assert seen.values("env.read", "name") == [f"TOKEN_{i}" for i in range(60)]
    (missed,) = seen.of("process.uninstrumented")
    assert missed.fields == {"path": program, "reason": "60 forked children"}
    assert seen.coverage.not_instrumented == (f"{program} (60 forked children)",)


def test_of_sixty_short_programs_every_event_and_exit_code_is_there(watch: Watch, compiled: Callable[..., str]):
    program = compiled(SHORT)
    script = f"for my $i (0..59) {{ $good++ if system('{program}', $i) >> 8 == $i }} exit $good"
    seen = watch("perl", "-e", script, instrument=(program,))
    assert seen.ended.exit_status == 60
    assert sorted(seen.values("env.read", "name")) == sorted(f"TOKEN_{i}" for i in range(60))
    assert seen.coverage.instrumented == 60
    # Each event is its own process's.
    words = {process.id: process.arguments[1] for process in seen.ended.processes if process.program == program}
    assert all(event.fields["name"] == f"TOKEN_{words[event.process]}" for event in seen.of("env.read"))


def test_a_program_that_becomes_another_is_followed(watch: Watch):
    script = "import os; os.execv('/usr/bin/perl', ['perl', '-e', 'system(\"exit 0; true\"); exit 5'])"
    seen = watch("/usr/bin/python3", "-c", script)
    assert seen.ended.exit_status == 5
    assert seen.values("runtime.command", "command") == ["perl -e 'system(\"exit 0; true\"); exit 5'"]
    assert [event.fields["path"] for event in seen.of("process.instrument")][1] == "/usr/bin/perl"


def test_subprocess_with_all_descriptors_closed_works(watch: Watch):
    script = "import subprocess; print(subprocess.run(['echo', 'said'], close_fds=True, capture_output=True).stdout)"
    seen = watch("/usr/bin/python3", "-c", script)
    assert (seen.ended.exit_status, seen.output) == (0, "b'said\\n'\n")


def test_what_is_not_chosen_is_left_alone(watch: Watch):
    seen = watch("sh", "-c", "true; perl -e 1; /bin/true", instrument=("/**/perl",))
    assert [event.fields["path"] for event in seen.of("process.instrument")] == ["/usr/bin/perl"]
    assert "/usr/bin/true" in seen.coverage.not_instrumented


def test_a_static_program_runs_and_is_named(watch: Watch, compiled: Callable[..., str]):
    program = compiled("int main(void) { return 4; }", "-static")
    seen = watch(program, instrument=(program,))
    assert seen.ended.exit_status == 4
    assert seen.coverage.not_instrumented == (program,)


def test_a_program_that_begins_like_no_other_runs_and_is_named_with_the_reason(
    watch: Watch, compiled: Callable[..., str]
):
    program = compiled(
        '#include <stdlib.h>\nvoid begin(void) { __asm__("andq $-16, %rsp"); exit(6); }',
        "-nostartfiles", "-Wl,-ebegin", "-fno-stack-protector",
    )  # fmt: skip
    seen = watch("sh", "-c", f"{program}; {program}", instrument=(program,))
    assert seen.ended.exit_status == 6
    assert seen.coverage.not_instrumented == (
        "/usr/bin/dash", f"{program} (it does not begin like a program of the C library)",
    )  # fmt: skip


def test_an_agents_mistakes_are_told_with_its_name_and_change_nothing(watch: Watch):
    broken = "agent(({ hook }) => { hook(null, 'getpid', { enter() { throw new Error('oh'); } }); syntax error })"
    seen = watch("perl", "-e", "exit 3", extra=Extra(broken))
    assert seen.ended.exit_status == 3
    (fault,) = seen.of("agent.fault")
    assert fault.fields["agent"] == "extra"
    assert "loading" in str(fault.fields["text"])

    throwing = "agent(({ hook }) => { hook(null, 'getenv', { enter() { throw new Error('oh'); } }); })"
    seen = watch("perl", "-e", "exit 3", extra=Extra(throwing))
    assert seen.ended.exit_status == 3
    assert [event.fields for event in seen.of("agent.fault")] == [{"agent": "extra", "text": "getenv: oh"}]


def test_an_agent_of_another_plugin_emits_that_plugins_kinds_and_no_others(watch: Watch):
    source = """agent(({ emit, hook, text }) => {
      hook(null, 'getenv', { enter([name], call) { call.name = text(name); },
                             leave(value, call) { emit('own.asked', { name: call.name }); emit('own.never', {}); } });
    });"""
    kinds = [EventKind("own.asked", "A variable was asked for", name=Field.text)]
    seen = watch("perl", "-e", "exit 3", extra=Extra(source, kinds, programs=("/**/perl",)), instrument=("/none",))
    assert "PERL5LIB" in seen.values("own.asked", "name")
    assert "own.never" in seen.run.error
    assert seen.of("env.read") == []  # the shipped agents are for what the policy asks for


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_where_the_controller_ends_or_stands_still_the_program_goes_on_and_the_observer_has_failed(
    watch: Watch, number: signal.Signals
):
    waits = "while grep -qs 'frida[.]controller' /proc/[0-9]*/cmdline; do sleep 0.1; done"
    script = f"echo started; {waits}; perl -e 'exit 0'; exit 9"
    seen = watch("/bin/sh", "-c", script, meanwhile=lambda: controller().send_signal(number))
    assert seen.ended.exit_status == 9
    assert seen.run.state == "failed"
    assert "ended before the program did" in seen.run.error
    assert "/usr/bin/perl" in seen.coverage.not_instrumented


def test_a_controller_that_can_open_nothing_more_says_so(watch: Watch):
    def starve() -> None:
        resource.prlimit(controller().pid, resource.RLIMIT_NOFILE, (0, 0))

    seen = watch("/bin/sh", "-c", "echo started; sleep 1; perl -e 'exit 9'", meanwhile=starve)
    assert seen.ended.exit_status == 9
    assert seen.run.state == "failed"
    assert "it can open no file" in seen.run.error
    assert any("perl" in one for one in seen.coverage.not_instrumented)


def test_the_program_cannot_end_the_controller(watch: Watch):
    script = """
import os, signal
names = {int(p): open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()}
(controller,) = [p for p, name in names.items() if 'frida.controller' in name and p != os.getpid()]
for number in (signal.SIGKILL, signal.SIGSTOP):
    try:
        os.kill(controller, number)
    except PermissionError:
        print('refused')
"""
    seen = watch("/usr/bin/python3", "-c", script)
    assert (seen.output, seen.run.state) == ("refused\nrefused\n", "ok")


def test_the_program_cannot_look_into_the_controller(watch: Watch):
    script = """
import os
names = {int(p): open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()}
(controller,) = [p for p, name in names.items() if 'frida.controller' in name and p != os.getpid()]
try:
    open(f'/proc/{controller}/mem', 'rb')
except PermissionError:
    print('refused')
"""
    assert watch("/usr/bin/python3", "-c", script).output == "refused\n"


def test_events_carry_the_sessions_time(watch: Watch):
    seen = watch("/usr/bin/python3", "-c", "import time; time.sleep(0.3); import os; os.system('true')")
    (command,) = seen.of("command.run")
    (process,) = [process for process in seen.ended.processes if process.arguments[0] == "sh"]
    assert 0 <= process.started - command.time < 0.2
    assert seen.of("process.instrument")[0].time <= command.time


def test_nothing_is_left_running(watch: Watch):
    seen = watch("perl", "-e", "exit 0")
    assert seen.ended.processes_left == 0
