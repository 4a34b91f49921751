"""What a runner of GitHub Actions makes of steps, as far as ours need it: shells, expressions and files."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||[!=]=|[!(),]|[\w.-]+)")
WORDS = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False", "null": "None"}


def load(path):
    """A YAML file; `on` is a word and not a truth value."""
    return yaml.load(Path(path).read_text(encoding="utf-8"), yaml.BaseLoader)


@dataclass
class Job:
    """A folder of work with its files, what expressions see, and what came of the steps."""

    workspace: Path
    temporary: Path
    environment: dict
    contexts: dict = field(default_factory=dict)
    outcomes: dict = field(default_factory=dict)  # of steps by name; of those that use an action what it is given
    printed: str = ""
    failed: bool = False

    def value(self, expression):
        """An expression, evaluated."""
        python, tokens = "", TOKEN.findall(expression)
        assert not TOKEN.sub("", expression).strip(), f"no expression that is known here: {expression}"
        for token, then in zip(tokens, [*tokens[1:], ""], strict=True):
            if re.match(r"[A-Za-z]", token) and token not in WORDS:
                python += token if then == "(" else f"context({token!r})"
            else:
                python += WORDS.get(token, token)
        functions = {
            "cancelled": lambda: False, "success": lambda: not self.failed, "failure": lambda: self.failed,
            "always": lambda: True, "context": self.context,
            "hashFiles": lambda pattern: "hash" * any(self.workspace.glob(pattern)),
        }  # fmt: skip
        return eval(python.strip(), {"__builtins__": {}}, functions)

    def context(self, path):
        """What stands at a.b.c; nothing for what nobody has set."""
        found = self.contexts
        for name in path.split("."):
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return "" if found == {} else found

    def text(self, template):
        """A text with the values of its expressions."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(self.value(found[1])), template)

    def run(self, steps, action):
        """Run the steps of a workflow, or of the action that lies in the folder `action`."""
        for k, step in enumerate(steps):
            name = step.get("name") or step.get("uses", f"step {k}").partition("@")[0]
            when = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", step.get("if", "success()").strip())
            if not re.search(r"(success|failure|always|cancelled)\(\)", when):
                when = f"success() && ({when})"
            outcome, outputs = "skipped", {}
            if self.value(when):
                given = {key: self.text(value) for key, value in step.get("with", {}).items()}
                if step.get("uses") == "./":
                    outcome, outputs = self.use(action, given)
                elif "uses" in step:
                    outcome = given
                else:
                    outcome, outputs = self.shell(step, action)
            self.failed |= outcome == "failure"
            self.outcomes[name] = outcome
            if "id" in step:
                self.contexts.setdefault("steps", {})[step["id"]] = {"outcome": outcome, "outputs": outputs}

    def use(self, folder, given):
        """Run the composite action in a folder; outcome and outputs."""
        action = load(folder / "action.yml")
        assert given.keys() <= action["inputs"].keys()
        defaults = {name: about["default"] for name, about in action["inputs"].items()}
        inner = Job(self.workspace, self.temporary, self.environment, {"inputs": defaults | given}, self.outcomes)
        inner.run(action["runs"]["steps"], folder)
        self.printed += inner.printed
        outputs = {name: inner.text(about["value"]) for name, about in action["outputs"].items()}
        return "failure" if inner.failed else "success", outputs

    def shell(self, step, action):
        """Run the script of a step; outcome and what it has put into $GITHUB_OUTPUT."""
        output, script = self.temporary / "output", self.temporary / "script.sh"
        output.write_text("", encoding="utf-8")
        script.write_text(step["run"], encoding="utf-8")
        files = {"GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": self.summary, "RUNNER_TEMP": self.temporary,
                 "GITHUB_WORKSPACE": self.workspace, "GITHUB_ACTION_PATH": action}  # fmt: skip
        said = {name: self.text(value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)], cwd=self.workspace, text=True,
            env=self.environment | {name: os.fspath(path) for name, path in files.items()} | said,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False,
        )  # fmt: skip
        self.printed += done.stdout
        outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
        return "failure" if done.returncode else "success", outputs

    @property
    def summary(self):
        """The file of the summary."""
        return self.temporary / "summary.md"
