"""The package as a project uses it that installed it: its types, in Node, and in a bundle."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.web.client.conftest import CLIENTS, LIMIT

LARGEST = 12 * 1024
"""Bytes of gzip: what a page loads to open a call with its microphone."""
USE = """
import { connect, follow, microphone } from "callscribe";
import { CallscribeError, type Call, type CallState } from "callscribe";
import { useCall } from "callscribe/react";
import { nodeStream } from "callscribe/node";

const call: Call = connect("ws://localhost/ws/asr", {
  language: "en", words: true, events: ["speech_ended"], source: microphone({ channels: 2 }),
});
call.on("final", (message) => {
  const first: number | undefined = message.words?.[0]?.start;
  const label: string | undefined = message.label;
  // @ts-expect-error there is no such field
  return [first, label, message.txt];
});
// @ts-expect-error there is no such event
call.on("finale", () => undefined);
// @ts-expect-error this option cannot change in a call
call.configure({ conversation_id: "x" });
export async function main(): Promise<CallState> {
  for await (const event of call) {
    if (event.type === "error") console.log(event.code, event.retry_after?.toFixed());
    if (event.type === "resumed") console.log(event.afterS.toFixed());
  }
  for await (const message of follow("", "call")) console.log(message.session_id);
  const failure: CallscribeError | null = call.failure;
  console.log(failure?.retryAfterS, failure?.code === "permission_denied");
  return call.state;
}
export const used = [useCall, nodeStream];
"""


def run(folder: Path, *command: str | Path) -> str:
    """Run a command in a folder; return what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_package_has_its_modules_and_nothing_of_the_repository(project: Path):
    installed = project / "node_modules" / "callscribe"
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*.*")}
    assert {"README.md", "package.json", "dist/index.js", "dist/index.d.ts"} <= files
    assert {"dist/react.js", "dist/node.js", "dist/sources/capture-worklet.js"} <= files
    assert {file.partition("/")[0] for file in files} <= {"README.md", "package.json", "dist"}
    exports = json.loads((installed / "package.json").read_text())["exports"]
    for target in exports.values():
        for path in target.values() if isinstance(target, dict) else [target]:
            assert path.removeprefix("./") in files


@pytest.mark.parametrize("resolution", ["NodeNext", "Bundler"])
def test_its_types_hold_in_a_strict_project(node: str, project: Path, resolution: str):
    (project / "use.ts").write_text(USE)
    module = "NodeNext" if resolution == "NodeNext" else "ESNext"
    options = {
        **{"target": "ES2022", "module": module, "moduleResolution": resolution},
        **{"lib": ["ES2023", "DOM", "DOM.Iterable"], "types": ["node"], "strict": True},
        **{"skipLibCheck": False, "exactOptionalPropertyTypes": True, "noEmit": True},
    }
    config = {"compilerOptions": options, "files": ["use.ts"]}
    (project / "tsconfig.json").write_text(json.dumps(config))
    run(project, node, CLIENTS / "node_modules" / "typescript" / "bin" / "tsc", "-p", ".")


def test_node_imports_every_part_of_it(node: str, project: Path):
    script = """
    for (const part of ["", "/react", "/node"]) {
      console.log(Object.keys(await import(`callscribe${part}`)).sort().join(" "));
    }
    """
    client, react, for_node = run(
        project, node, "--input-type=module", "--eval", script
    ).splitlines()
    assert {"connect", "follow", "microphone", "file", "samples"} <= set(client.split())
    assert react.split() == ["useCall"]
    assert "nodeStream" in for_node.split()


def bundled(node: str, project: Path, name: str, source: str) -> tuple[Path, int, int]:
    """Bundle a page; return the folder, and the bytes of its entry and of that in gzip."""
    folder = project / name
    folder.mkdir(exist_ok=True)
    (folder / "main.js").write_text(source)
    (folder / "index.html").write_text('<script type="module" src="./main.js"></script>')
    vite = CLIENTS / "node_modules" / "vite" / "bin" / "vite.js"
    run(folder, node, vite, "build", "--logLevel", "warn", "--assetsInlineLimit", "0")
    (entry,) = (folder / "dist" / "assets").glob("index-*.js")
    code = entry.read_bytes()
    return folder / "dist" / "assets", len(code), len(gzip.compress(code, mtime=0))


def test_a_page_that_opens_a_call_with_its_microphone_is_small(node: str, project: Path):
    source = """
    import { connect, microphone } from "callscribe";
    globalThis.call = connect("", { source: microphone() });
    """
    assets, size, compressed = bundled(node, project, "small", source)
    print(f"connect and microphone: {size / 1024:.1f} kB, {compressed / 1024:.1f} kB in gzip")
    assert compressed <= LARGEST
    (worklet,) = assets.glob("capture-worklet-*.js")
    code = worklet.read_text()
    assert "callscribe-capture" in code
    assert not re.search(r"\b(import|blob:|eval)\b", code)
    entry = next(assets.glob("index-*.js")).read_text()
    assert worklet.name in entry
    # What reads files, follows calls or is for Node is not in it.
    assert "RIFF" not in entry
    assert "/events?from=" not in entry
    assert "unexpected-response" not in entry


def test_everything_of_it_can_be_bundled_for_a_page(node: str, project: Path):
    source = 'import * as all from "callscribe"; globalThis.all = all;'
    _, size, compressed = bundled(node, project, "all", source)
    print(f"everything: {size / 1024:.1f} kB, {compressed / 1024:.1f} kB in gzip")
    assert compressed <= 2 * LARGEST
