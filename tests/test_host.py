"""The host: loads what the role file asks for, and no plugin can hurt a session."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from plugin_folders import DETECTOR, install

import pratique
from pratique import Event, EventKind, Facts, Field, Launch, Match, Opinion, Subject, hookimpl, hookspecs
from pratique.errors import HostFileError, UsageError
from pratique.events import STANDARD_KINDS
from pratique.hookspecs import Question, Request
from pratique.host import Host
from pratique.host.fingerprint import fingerprint
from pratique.host.installed import distribution, distributions
from pratique.policy.model import Reputation, Trust

ARGUMENTS = {"path": Path("/bin/true"), "trust": Trust()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the import path, for distributions of this test alone; what it brings is forgotten afterwards."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(str(place))
    known = set(sys.modules)
    yield place
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.fixture
def role(tmp_path):
    """Write a role file: returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "host.yaml"
        path.write_text(text)
        return path

    return write


def answering(**hooks):
    """A plugin object whose hooks return these values (or call these functions without arguments)."""
    made = {}
    for name, value in hooks.items():

        def hook(self, value=value):
            return value() if callable(value) else value

        made[name] = hookimpl(hook)
    return type("Plugin", (), made)()


def states(host):
    return {plugin.name: plugin.state for plugin in host.plugins()}


def why(host, name):
    return next(plugin.why for plugin in host.plugins() if plugin.name == name)


# -- calling


def test_every_plugin_answers_with_its_name_and_time():
    host = Host.of({"a": answering(identify=Facts(kind="deb")), "b": answering(identify=Facts(kind="script"))})
    answers = host.call("identify", **ARGUMENTS)
    assert [(answer.plugin, answer.value.kind) for answer in answers] == [("a", "deb"), ("b", "script")]
    assert all(0 <= answer.seconds < 1 for answer in answers)


def test_a_plugin_gets_only_the_arguments_it_takes():
    class Takes:
        @hookimpl
        def identify(self, path):
            return Facts(name=path.name)

    class TakesNone:
        @hookimpl
        def identify(self):
            return Facts(name="nothing")

    class TakesByDefault:
        @hookimpl
        def identify(self, path, trust=None, mine=7):
            return Facts(name=f"{type(trust).__name__} {mine}")

    host = Host.of({"a": Takes(), "b": TakesNone(), "c": TakesByDefault()})
    assert [a.value.name for a in host.call("identify", **ARGUMENTS)] == ["true", "nothing", "Trust 7"]


def test_nothing_to_say_is_no_answer():
    host = Host.of({"a": answering(identify=None), "b": answering(scan=[])})
    assert host.call("identify", **ARGUMENTS) == []
    assert [answer.value for answer in host.call("scan", file=Path("/bin/true"))] == [[]]
    assert host.failures() == ()


def test_the_first_answer_ends_the_asking():
    asked = []

    def late():
        asked.append("late")
        return Launch(command=("late",))

    host = Host.of(
        {
            "none": answering(launch=None),
            "early": answering(launch=Launch(command=("x",))),
            "late": answering(launch=late),
        }
    )
    (answer,) = host.call("launch", first=True, subject=Subject(path=""), request=Request())
    assert answer.plugin == "early"
    assert asked == []


def test_tryfirst_and_trylast_move_a_plugin():
    class Last:
        @hookimpl(trylast=True)
        def identify(self):
            return Facts()

    class First:
        @hookimpl(tryfirst=True)
        def identify(self):
            return Facts()

    host = Host.of({"last": Last(), "middle": answering(identify=Facts()), "first": First()})
    assert [answer.plugin for answer in host.call("identify", **ARGUMENTS)] == ["first", "middle", "last"]


def test_calling_a_hook_wrongly_is_the_callers_mistake():
    host = Host.of({"a": answering(identify=Facts())})
    with pytest.raises(TypeError, match="identify takes path, trust; called with path"):
        host.call("identify", path=Path("/"))
    with pytest.raises(TypeError, match="no hook 'identfy'"):
        host.call("identfy", path=Path("/"))


def test_arguments_can_differ_by_plugin():
    class Own:
        @hookimpl
        def reputation(self, subject):
            return Opinion(by=subject.name)

    host = Host.of({"a": Own(), "b": Own()})
    answers = host.call(
        "reputation", rules=Reputation(), each=lambda plugin: {"subject": Subject(path="", name=f"for {plugin}")}
    )
    assert [answer.value.by for answer in answers] == ["for a", "for b"]


# -- containment


@pytest.mark.parametrize("raised", [ValueError("broken"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_a_plugin_that_raises_is_passed_over_and_named(raised):
    def fail():
        raise raised

    host = Host.of({"bad": answering(identify=fail), "good": answering(identify=Facts(kind="deb"))})
    assert [answer.plugin for answer in host.call("identify", **ARGUMENTS)] == ["good"]
    (failure,) = host.failures()
    assert (failure.plugin, failure.hook) == ("bad", "identify")
    assert type(raised).__name__ in failure.message
    assert "test_host.py:" in failure.message
    assert [answer.plugin for answer in host.call("identify", **ARGUMENTS)] == ["good"]
    assert len(host.failures()) == 2, "it is asked again: once is no habit"


def test_an_error_that_cannot_be_printed_is_still_reported():
    class Nasty(Exception):
        def __str__(self):
            raise RuntimeError

    def fail():
        raise Nasty

    host = Host.of({"bad": answering(identify=fail)})
    assert host.call("identify", **ARGUMENTS) == []
    assert "Nasty" in host.failures()[0].message


@pytest.mark.alone
def test_a_plugin_that_overruns_is_off_for_the_rest_of_the_run():
    release = threading.Event()
    host = Host.of({"slow": answering(identify=release.wait), "good": answering(identify=Facts())})
    start = time.monotonic()
    assert [answer.plugin for answer in host.call("identify", budget=0.05, **ARGUMENTS)] == ["good"]
    assert time.monotonic() - start < 2
    assert states(host) == {"slow": "failed", "good": "on"}
    assert "longer than 0.05 s" in why(host, "slow")
    release.set()
    assert [answer.plugin for answer in host.call("identify", **ARGUMENTS)] == ["good"]
    assert len(host.failures()) == 1


@pytest.mark.alone
def test_an_abandoned_thread_does_not_hold_up_the_exit():
    program = """
from pratique import hookimpl
from pratique.host import Host
import time
class Slow:
    @hookimpl
    def remedies(self): time.sleep(60)
assert Host.of({"slow": Slow()}).call("remedies", budget=0.05) == []
"""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("hook", "value", "told"),
    [
        ("identify", "deb", "expected Facts, found str"),
        ("identify", Facts(kind=5), "expected `str | null`, got `int`"),
        ("identify", Facts(certainty=7.0), "certainty is from 0 to 1, found 7.0"),
        ("identify", Facts(facts={"a": b"x"}), "expected `str`, got `bytes`"),
        ("launch", Launch(command="rm -rf"), "expected `array`, got `str`"),
        ("launch", Launch(command=()), "names a program"),
        ("reputation", Opinion(by="x", weight=float("nan")), "whose weight is a number"),
        ("reputation", Opinion(by="x", standing="loved"), "invalid enum value"),
        ("scan", "match", "expected a list of Match, found str"),
        ("scan", [Match(path="/", rule="x"), 7], "expected Match, found int (number 2 of the list)"),
        ("scan", iter([]), "expected a list of Match, found list_iterator"),
        ("event_kinds", [EventKind("a.b", "A", field="text")], "fields are of a Field type, found a.b's field='text'"),
        ("remedies", [object()], "expected Remedy, found object without apply, name"),
        ("observe", [Event("a.b")], "expected an iterator of Event (use yield), found list"),
        ("commands", [pratique.Command("x", "help", 5, print)], "expected Command whose configure is a function"),
        ("pages", [pratique.Page(5, "title", print)], "expected Page whose path is text, found int"),
    ],
)
def test_nonsense_is_said_to_be_nonsense(hook, value, told):
    host = Host.of({"odd": answering(**{hook: lambda: value})})
    arguments = {
        "identify": ARGUMENTS, "launch": {"subject": Subject(path=""), "request": Request()},
        "reputation": {"subject": Subject(path=""), "rules": Reputation()},
        "scan": {"file": Path("/")}, "observe": {"session": None},
    }.get(hook, {})  # fmt: skip
    assert host.call(hook, **arguments) == []
    (failure,) = host.failures()
    assert failure.message.startswith("returned nonsense: ")
    assert told.lower() in failure.message.lower()


def test_asking_happens_in_the_callers_thread_and_the_person_may_interrupt():
    question = Question(title="Install?", choices=())
    threads = []

    def answer():
        threads.append(threading.current_thread())
        return hookspecs.Answer(choice="refuse")

    host = Host.of({"a": answering(ask=answer)})
    assert host.call("ask", first=True, question=question)[0].value.choice == "refuse"
    assert threads == [threading.current_thread()]

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Host.of({"a": answering(ask=interrupted)}).call("ask", question=question)

    def leaves():
        raise SystemExit

    assert Host.of({"a": answering(ask=leaves)}).call("ask", question=question) == []


def test_plugins_answer_in_a_forked_process_too():
    host = Host.of({"a": answering(identify=Facts())})
    host.call("identify", **ARGUMENTS)
    child = os.fork()
    if child == 0:
        os._exit(0 if len(host.call("identify", budget=5, **ARGUMENTS)) == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_every_call_is_in_the_books():
    def fail():
        raise ValueError("no")

    host = Host.of({"a": answering(identify=Facts()), "b": answering(identify=fail)})
    host.call("identify", **ARGUMENTS)
    assert [(call.plugin, call.hook, bool(call.error)) for call in host.calls] == [
        ("a", "identify", False), ("b", "identify", True)
    ]  # fmt: skip
    books = {plugin.name: (plugin.calls, plugin.errors) for plugin in host.plugins()}
    assert books == {"a": (1, 0), "b": (1, 1)}


# -- what can be a plugin


def test_a_misspelled_hook_or_argument_is_named_with_the_nearest():
    class Misspelled:
        @hookimpl
        def obsrve(self, session):
            return iter(())

        @hookimpl
        def identify(self, pth):
            return None

    host = Host.of({"odd": Misspelled()})
    assert states(host) == {"odd": "failed"}
    assert 'no hook "obsrve"; did you mean "observe"?' in why(host, "odd")
    assert 'wants an argument "pth"; it is given path, trust: did you mean "path"?' in why(host, "odd")


def test_wrappers_classes_async_and_empty_modules_are_refused():
    class Wrapper:
        @hookimpl(wrapper=True)
        def identify(self):
            return (yield)

    class Async:
        @hookimpl
        async def identify(self):
            return None

    host = Host.of({"wrapper": Wrapper(), "class": Async, "async": Async(), "empty": object()})
    assert "wrapper" in why(host, "wrapper")
    assert "is a class" in why(host, "class")
    assert "async" in why(host, "async")
    assert "implements no hook" in why(host, "empty")


def test_looking_at_an_object_may_run_its_code_and_nothing_escapes():
    class Exploding:
        @property
        def surprise(self):
            raise SystemExit

        @hookimpl
        def identify(self):
            return Facts()

    host = Host.of({"exploding": Exploding(), "good": answering(identify=Facts(kind="deb"))})
    assert "good" in [answer.plugin for answer in host.call("identify", **ARGUMENTS)]


def test_the_second_claim_to_a_name_is_refused_and_told(folder):
    install(folder, "aaa-first", {"aaa_first.py": DETECTOR.format(kind="aaa")}, {"claimed": "aaa_first"})
    install(folder, "zzz-second", {"zzz_second.py": DETECTOR.format(kind="zzz")}, {"claimed": "zzz_second"})
    host = Host.open()
    (status,) = [plugin for plugin in host.plugins() if plugin.name == "claimed"]
    assert (status.distribution, status.kinds) == ("aaa-first", ("aaa.seen",))
    assert any("zzz-second" in failure.message and "stays" in failure.message for failure in host.failures())


def test_nobody_takes_the_name_of_a_shipped_plugin(folder):
    install(folder, "aaa", {"aaa.py": DETECTOR.format(kind="aaa")}, {"effects": "aaa"})
    host = Host.open()
    (status,) = [plugin for plugin in host.plugins() if plugin.name == "effects"]
    assert status.distribution == "pratique"


def test_a_plugin_that_cannot_be_imported_is_reported_and_the_others_run(folder):
    install(folder, "broken", {"broken.py": "import sys; sys.exit('no')"}, {"broken": "broken"})
    install(folder, "gone", {}, {"gone": "no_such_module"})
    install(folder, "fine", {"fine.py": DETECTOR.format(kind="fine")}, {"fine": "fine"})
    host = Host.open()
    assert {name: states(host)[name] for name in ("broken", "gone", "fine", "effects")} == {
        "broken": "failed", "gone": "failed", "fine": "on", "effects": "on"
    }  # fmt: skip
    assert "SystemExit: no" in why(host, "broken")
    assert "No module named 'no_such_module'" in why(host, "gone")


def test_an_object_in_a_module_can_be_a_plugin(folder):
    source = """
from pratique import Facts, hookimpl
class P:
    @hookimpl
    def identify(self): return Facts(name='p')
plugin = P()
"""
    install(folder, "objects", {"objects.py": source}, {"object": "objects:plugin [extra]"})
    answers = Host.open().call("identify", **ARGUMENTS)
    assert "p" in [answer.value.name for answer in answers if answer.plugin == "object"]


# -- event kinds


def test_the_vocabulary_holds_shared_and_own_kinds():
    own = EventKind("font.replace", "A font was replaced", family=Field.text)
    host = Host.of({"fonts": answering(event_kinds=lambda: [own, STANDARD_KINDS[0]])})
    vocabulary = host.vocabulary()
    assert vocabulary["font.replace"] == own
    assert all(vocabulary[kind.name] == kind for kind in STANDARD_KINDS)
    assert host.observed_kinds() == {"font.replace", STANDARD_KINDS[0].name}


def test_a_clash_of_kinds_is_reported_and_the_later_one_refused():
    first = EventKind("font.replace", "A font was replaced", family=Field.text)
    second = EventKind("font.replace", "A font was replaced", family=Field.number)
    shared = EventKind("file.write", "Other fields than everybody's", colour=Field.text)
    host = Host.of({"b": answering(event_kinds=lambda: [second, shared]), "a": answering(event_kinds=lambda: [first])})
    assert host.vocabulary()["font.replace"] == first
    assert "colour" not in host.vocabulary()["file.write"].fields
    assert [failure.plugin for failure in host.failures()] == ["b", "b"]
    assert dict(host.kinds("b")) == {}


def test_a_disabled_detector_observes_nothing():
    host = Host.open(disable=["hidden", "syscalls"])
    assert "file.read" not in host.observed_kinds()
    assert "file.read" in Host.open().observed_kinds()


# -- the role file


def test_the_role_file_chooses_the_plugins_and_their_order(folder, role):
    for name in ("one", "two", "three"):
        source = f"from pratique import Facts, hookimpl\n@hookimpl\ndef identify(): return Facts(name='{name}')\n"
        install(folder, name, {f"plugin_{name}.py": source}, {name: f"plugin_{name}"})
    host = Host.open(role("plugins: {use: [three, missing, one]}"))
    assert [answer.value.name for answer in host.call("identify", **ARGUMENTS)] == ["three", "one"]
    assert states(host)["two"] == "off"
    assert "not installed" in why(host, "missing")


def test_disabling_applies_to_shipped_plugins_too(role):
    host = Host.open(role("plugins: {disable: [effects]}"), disable=["hidden"])
    assert states(host)["effects"] == "off"
    assert "role file" in why(host, "effects")
    assert "command line" in why(host, "hidden")


def test_disabling_a_plugin_nobody_has_is_wrong_usage():
    with pytest.raises(UsageError, match="hiden") as error:
        Host.open(disable=["hiden"])
    assert error.value.hint == "did you mean hidden?"


def test_an_invalid_role_file_loads_nothing(role):
    with pytest.raises(HostFileError):
        Host.open(role("plugins: {disabel: [x]}"))


def test_plugins_get_their_own_settings(role):
    host = Host.open(role("plugins: {settings: {effects: {depth: 3}}}"))
    assert host.settings("effects") == {"depth": 3}
    assert host.settings("hidden") == {}


# -- who may bring a plugin


@pytest.fixture
def fonts(folder):
    install(folder, "My_Fonts", {"my_fonts.py": DETECTOR.format(kind="font")}, {"fonts": "my_fonts"})
    return distribution("my-fonts")


def test_only_allowed_distributions_bring_plugins(fonts, role):
    without = Host.open(role("plugins: {allow: [pratique]}"))
    assert states(without)["fonts"] == "off"
    assert without.failures() == (), "what the role file does not want has not failed"
    only_fonts = Host.open(role("plugins: {allow: [my.fonts]}"))
    assert states(only_fonts)["fonts"] == "on"
    assert states(only_fonts)["effects"] == "off"
    assert "does not allow the distribution pratique" in why(only_fonts, "effects")


def pinned(sha256):
    return f"plugins: {{allow: [{{name: my-fonts, sha256: '{sha256}'}}]}}"


def test_a_hash_pins_the_content(fonts, role, folder):
    assert states(Host.open(role(pinned(fingerprint(fonts)))))["fonts"] == "on"
    other = Host.open(role(pinned("0" * 64)))
    assert states(other)["fonts"] == "failed"
    assert "with the hash 000000000000" in why(other, "fonts")


def test_a_changed_file_is_noticed_although_the_record_is_not(fonts, role, folder):
    good = role(pinned(fingerprint(fonts)))
    (folder / "my_fonts.py").write_text("import os\n")
    host = Host.open(good)
    assert states(host)["fonts"] == "failed"
    assert "my_fonts.py is not the file that was installed" in why(host, "fonts")


def test_a_module_that_took_the_name_of_an_allowed_one_is_not_loaded(fonts, role, tmp_path, monkeypatch):
    good = role(pinned(fingerprint(fonts)))
    before = tmp_path / "before"
    before.mkdir()
    (before / "my_fonts.py").write_text("raise SystemExit('loaded')")
    monkeypatch.syspath_prepend(str(before))
    host = Host.open(good)
    assert "would not be loaded from my-fonts" in why(host, "fonts")


def test_the_hash_is_the_same_wherever_the_wheel_is_installed(fonts, tmp_path, monkeypatch):
    here = fingerprint(fonts)
    elsewhere = tmp_path / "elsewhere"
    extra = {"direct_url.json": '{"url": "file:///somewhere"}', "REQUESTED": ""}
    install(elsewhere, "My_Fonts", {"my_fonts.py": DETECTOR.format(kind="font")}, {"fonts": "my_fonts"}, extra=extra)
    monkeypatch.syspath_prepend(str(elsewhere))
    there = distribution("my-fonts")
    assert there.folder.is_relative_to(elsewhere)
    assert fingerprint(there) == here


def test_an_editable_installation_cannot_be_pinned(folder, role):
    extra = {"direct_url.json": '{"dir_info": {"editable": true}, "url": "file:///x"}'}
    install(folder, "my-fonts", {"my_fonts.py": DETECTOR.format(kind="font")}, {"fonts": "my_fonts"}, extra=extra)
    assert "editable" in why(Host.open(role(pinned("0" * 64))), "fonts")


# -- agreement and speed


def test_the_distributions_found_are_those_python_knows(folder):
    import importlib.metadata

    install(folder, "My_Fonts", {"my_fonts.py": DETECTOR.format(kind="font")}, {"fonts": "my_fonts"})
    known = importlib.metadata.entry_points(group="pratique")
    from pratique.host.installed import entries

    assert {(entry.name, entry.target) for entry in entries()} == {(entry.name, entry.value) for entry in known}
    assert {one.version for one in distributions() if one.name == "my-fonts"} == {"1.0"}


@pytest.mark.alone
def test_opening_the_host_with_all_shipped_plugins_is_quick():
    program = (
        "import time; import pratique.hookspecs; start = time.process_time(); from pratique.host import Host; "
        "host = Host.open(); host.vocabulary(); print(time.process_time() - start); assert not host.failures()"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)
        for _ in range(5)
    ]
    assert min(times) < 0.1, f"the best of five took {min(times):.3f} s"


@pytest.mark.alone
def test_a_call_costs_little():
    host = Host.of({"a": answering(identify=Facts(kind="deb"))})
    host.call("identify", **ARGUMENTS)
    start = time.process_time()
    for _ in range(1000):
        host.call("identify", **ARGUMENTS)
    assert (time.process_time() - start) / 1000 < 0.002
