"""`pratique doctor`: every lack is named with what mends it, and nothing makes it fall over."""

import json
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


def test_a_failed_plugin_is_a_lack_with_its_reason(pratique, tmp_path):
    install(tmp_path / "site", "broken", {"broken.py": "1 / 0"}, {"broken": "broken"})
    done = pratique("doctor", "--json", env={"PYTHONPATH": str(tmp_path / "site")})
    assert done.code == 4
    check = by_name(done)["plugin broken"]
    assert "ZeroDivisionError" in check["detail"]
    assert "plugins.disable" in check["mend"]


def test_an_invalid_role_file_is_a_lack(pratique, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("rol: site\n")
    done = pratique("doctor", "--host", file)
    assert done.code == 4
    assert 'did you mean "role"?' in done.out
    assert "Traceback" not in done.out + done.err


def test_an_invalid_policy_is_a_lack(pratique, tmp_path, state):
    place = tmp_path / "pratique-config" / "policies"
    place.mkdir(parents=True)
    (place / "mine.policy").write_text("policy baseline {\n")
    done = pratique("doctor", "--json")
    assert done.code == 4
    lacks = [check for check in done.json["checks"] if not check["ok"] and check["needed"]]
    assert any("mine.policy" in check["detail"] for check in lacks)


def test_somebody_who_is_not_root_is_told_what_that_means(state):
    words = ["unshare", "--user", sys.executable, "-m", "pratique.cli.main", "doctor", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 4), done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["user"]["detail"].startswith("not root")
