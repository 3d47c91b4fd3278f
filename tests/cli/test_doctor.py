"""`pratique doctor`: every lack is named with what mends it, and nothing makes it fall over."""

import json
import os
import subprocess
import sys

from plugin_folders import install


def by_name(done):
    return {check["name"]: check for check in done.json["checks"]}


def test_a_machine_with_all_that_is_needed_is_healthy(pratique):
    done = pratique("doctor", "--json")
    lacking = [check for check in done.json["checks"] if check["needed"] and not check["ok"]]
    assert lacking == []
    assert (done.code, done.json["ok"]) == (0, True)
    assert {"python", "kernel", "user", "dpkg", "gpgv", "npm", "state directory", "policy"} <= set(by_name(done))


def test_the_screen_says_the_same(pratique):
    done = pratique("doctor")
    assert done.code == 0
    assert done.out.endswith("all that is needed is there\n")


def test_paths_are_left_whole_and_room_is_told_once(pratique, tmp_path):
    python = tmp_path / "a-virtual-environment" / "of-a-project" / "in-a-deep-directory" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    words = [python, "-m", "pratique.cli.main", "doctor"]
    env = {**os.environ, "COLUMNS": "80", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    out = subprocess.run(words, env=env, capture_output=True, text=True, timeout=120).stdout
    assert str(python) in out
    assert out.count("MiB free") == 1


def test_a_missing_tool_is_named_with_the_package_that_brings_it(pratique, tmp_path):
    check = by_name(pratique("doctor", "--json", env={"PATH": str(tmp_path)}))["gpgv"]
    assert not check["ok"]
    assert "signatures cannot be checked" in check["detail"]
    assert "gpgv" in check["mend"]


def test_a_state_directory_that_cannot_be_is_a_lack(pratique, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = pratique("doctor", "--json", env={"PRATIQUE_STATE": str(blocked / "state")})
    assert done.code == 4
    assert not by_name(done)["state directory"]["ok"]
    assert "PRATIQUE_STATE" in by_name(done)["state directory"]["mend"]


def judged(pratique, *words, **settings):
    """Whether a program can be judged as things stand."""
    return pratique("run", "--refuse", *words, "--", "true", **settings).code in (10, 11)


def test_a_failed_plugin_is_a_lack_with_its_reason(pratique, tmp_path):
    install(tmp_path / "site", "broken", {"broken.py": "1 / 0"}, {"broken": "broken"})
    broken = {"PYTHONPATH": str(tmp_path / "site")}
    done = pratique("doctor", "--json", env=broken)
    assert (done.code, judged(pratique, env=broken)) == (0, True)
    check = by_name(done)["plugin broken"]
    assert (check["ok"], check["needed"]) == (False, False)
    assert "ZeroDivisionError" in check["detail"]
    assert "plugins.disable" in check["mend"]


def test_an_invalid_role_file_is_a_lack(pratique, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("rol: site\n")
    done = pratique("doctor", "--host", file)
    assert done.code == 4
    assert 'did you mean "role"?' in done.out
    assert "Traceback" not in done.out + done.err


def test_an_invalid_policy_is_a_lack_that_keeps_nothing_from_being_judged(pratique, tmp_path, state):
    place = tmp_path / "pratique-config" / "policies"
    place.mkdir(parents=True)
    (place / "mine.policy").write_text("policy baseline {\n")
    done = pratique("doctor", "--json")
    assert (done.code, done.json["ok"], judged(pratique)) == (0, True, True)
    lacks = [check for check in done.json["checks"] if not check["ok"] and not check["needed"]]
    assert any("mine.policy" in check["detail"] for check in lacks)
    told = pratique("doctor").out
    assert told.endswith("programs can be judged; one lack makes that less is seen, held or possible\n")


def test_the_policy_is_the_one_that_the_role_file_names(pratique, tmp_path):
    place = tmp_path / "policies"
    place.mkdir()
    for name in ("lab", "office"):
        (place / f"{name}.policy").write_text(f'policy {name} {{ version "7"; extends baseline }}\n')
    file = role_file(tmp_path, f"policies: [{place}]\npolicy: office\n")
    done = pratique("doctor", "--json", "--host", file)
    assert by_name(done)["policy"] == {"name": "policy", "ok": True, "needed": False, "detail": "office 7", "mend": ""}


def test_without_a_plugin_that_starts_programs_none_can_be_judged(pratique, tmp_path):
    file = role_file(tmp_path, "plugins: {use: [revert, effects]}\n")
    done = pratique("doctor", "--host", file)
    assert (done.code, judged(pratique, "--host", file)) == (4, False)
    assert "none of them knows how a program is started" in " ".join(done.out.split())
    assert done.out.endswith("there is one lack to mend before programs can be judged\n")


def test_a_user_with_or_without_a_control_group_is_told_that_programs_can_be_judged(ordinary_user):
    done = ordinary_user.pratique("doctor", "--json")
    assert (done.code, done.json["ok"], by_name(done)["bound on memory"]["needed"]) == (0, True, False)
    assert judged(ordinary_user.pratique)


def test_somebody_who_is_not_root_is_told_what_that_means(state):
    words = ["unshare", "--user", sys.executable, "-m", "pratique.cli.main", "doctor", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 4), done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["user"]["detail"].startswith("not root")


def role_file(tmp_path, text):
    file = tmp_path / "host.yaml"
    file.write_text(text)
    return file


def lacks(pratique, file):
    told = pratique("doctor", "--json", "--host", file).json["checks"]
    return {check["name"]: check for check in told if not check["ok"]}


def mended(pratique, check, file):
    """The lacks that remain when the mend of this one is run by a shell, as it stands."""
    script = check["mend"].partition(", or ")[0]
    command = f'pratique() {{ {sys.executable} -m pratique.cli.main "$@"; }}; {script}'
    subprocess.run(["bash", "-c", command], check=True, capture_output=True, timeout=60)
    return lacks(pratique, file)


def test_what_the_policy_listens_to_and_nothing_observes_is_a_lack_that_its_mend_mends(pratique, tmp_path):
    file = role_file(tmp_path, "plugins: {disable: [effects, terminal]}\n")
    found = lacks(pratique, file)
    assert list(found) == ["observed"]
    assert found["observed"]["detail"].startswith("kinds the policy listens to that nothing observes: account.add, ")
    assert found["observed"]["mend"] == f"pratique host set plugins.disable '[terminal]' --host {file}"
    assert mended(pratique, found["observed"], file) == {}


def test_plugins_that_are_not_among_those_used_are_added_to_them(pratique, tmp_path):
    file = role_file(tmp_path, "plugins: {use: [revert, terminal]}\n")
    found = lacks(pratique, file)
    assert list(found) == ["plugins", "observed"]
    assert "plugins.use '[revert, terminal, " in found["observed"]["mend"]
    assert list(mended(pratique, found["observed"], file)) == ["plugins"]
    assert mended(pratique, lacks(pratique, file)["plugins"], file) == {}


def test_a_list_of_distributions_without_ours_is_one_finding_about_plugins(pratique, tmp_path):
    file = role_file(tmp_path, "plugins: {allow: [pratique-fonts]}\n")
    found = lacks(pratique, file)
    assert [name for name in found if name.startswith("plugin")] == ["plugins of pratique"]
    assert found["plugins of pratique"]["needed"], "nothing is left that starts a program"
    assert found["plugins of pratique"]["mend"] == (
        f"pratique host set plugins.allow '[pratique-fonts, pratique]' --host {file}"
    )
    assert mended(pratique, found["plugins of pratique"], file) == {}


def test_a_failed_plugin_is_disabled_besides_those_that_are(pratique, tmp_path, monkeypatch):
    install(tmp_path / "site", "broken", {"broken.py": "1 / 0"}, {"broken": "broken"})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    file = role_file(tmp_path, "plugins: {disable: [terminal]}\n")
    found = lacks(pratique, file)
    assert "plugins.disable '[terminal, broken]'" in found["plugin broken"]["mend"]
    assert mended(pratique, found["plugin broken"], file) == {}


def test_a_plugin_that_is_used_and_not_installed_is_taken_out_of_the_list(pratique, tmp_path):
    file = role_file(tmp_path, "plugins: {use: [effects, nowhere]}\n")
    found = lacks(pratique, file)
    assert "plugins.use '[effects]'" in found["plugin nowhere"]["mend"]


def test_a_broken_role_file_is_mended_at_a_line(pratique, tmp_path):
    file = role_file(tmp_path, "role: laptop\nplugins:\n  disabel: [x]\n")
    assert lacks(pratique, file)["role file"]["mend"].startswith(f"edit {file}:3 ")


def test_a_policy_that_there_is_not_is_mended_in_the_role_file(pratique, tmp_path):
    file = role_file(tmp_path, "policy: labb\n")
    found = lacks(pratique, file)
    assert found["policy"]["mend"] == f"pratique host unset policy --host {file}"
    assert mended(pratique, found["policy"], file) == {}


def test_of_several_policies_one_is_to_be_named(pratique, own_policies):
    done = pratique("doctor")
    assert (done.code, judged(pratique)) == (0, True)
    assert "There are several: lab, office" in done.out
    assert "mend it: pratique host set policy NAME" in done.out
    assert pratique("host", "set", "policy", "lab").code == 0
    assert by_name(pratique("doctor", "--json"))["policy"]["ok"]
