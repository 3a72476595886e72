# SPDX-License-Identifier: Apache-2.0
"""Reads part of Python's standard library: each module's words and tree, kept
in an index that goes through JSON.  A load for the recorder: fixed by the
version of Python."""
import ast
import collections
import json
import pathlib
import re
import sysconfig

WORD = re.compile(r"(?P<name>[A-Za-z_]\w+)|(?P<number>\d[\d_.xa-f]*)")
MODULES = 40


def words(text):
    found = collections.Counter()
    for match in WORD.finditer(text):
        found[match.lastgroup + ":" + match.group()] += 1
    return found


def functions(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield {"name": node.name, "line": node.lineno,
                   "doc": ast.get_docstring(node),
                   "calls": sorted({n.func.id for n in ast.walk(node)
                                    if isinstance(n, ast.Call) and
                                    isinstance(n.func, ast.Name)})}


def entry(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return {"words": words(text), "functions": list(functions(tree)),
            "lines": text.splitlines()[:50],
            "source": ast.unparse(tree) if len(text) < 20000 else None}


def main():
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    index = {p.name: entry(p) for p in sorted(library.glob("*.py"))[:MODULES]}
    text = json.dumps(index, indent=1, sort_keys=True)
    total = collections.Counter()
    for module in json.loads(text).values():
        total.update(module["words"])
    print(len(text), len(total), total.most_common(20))


main()
