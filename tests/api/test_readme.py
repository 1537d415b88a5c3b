"""What the README says is so."""

import json
import re
import subprocess
from pathlib import Path

from flask import Flask

from app.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_story_works_as_written(base_url: str) -> None:
    story = section("The whole story").partition("```sh\n")[2].partition("```")[0]
    assert "URL=http://127.0.0.1:8000\n" in story
    script = "set -e\n" + story.replace("http://127.0.0.1:8000", base_url)
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
    last = json.loads(run.stdout.splitlines()[-1])
    assert (last["total"], last["referrals"][0]["email"]) == (1, "grace@example.com")


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", section("Settings"), re.MULTILINE)
    assert dict(rows) == {key: default(key) for key in Settings().fields}


def test_every_route_is_in_the_table(app: Flask) -> None:
    routes = {
        f"{method} {re.sub(r'<id:[a-z_]+>', '<id>', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.startswith(("auth.", "referral.", "health."))
    }
    assert set(re.findall(r"^\| `([A-Z]+ /.+?)` \|", section("Routes"), re.MULTILINE)) == routes


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def default(key: str) -> str:
    field = Settings().fields[key]
    if field.required:
        return "required"
    value = field.load_default
    if value in ("", None):
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"
