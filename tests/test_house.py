"""The house as it was meant: rooms of a size that is read at once, and a plan that is not stale."""

import ast
import re

import pytest

from psm_viz.paths import ROOT

MODULE, FUNCTION, ARGUMENTS = 350, 60, 8
FILES = [
    ROOT / "app.py",
    *(f for top in ("psm_viz", "pages", "tests") for f in sorted((ROOT / top).rglob("*.py"))),
]
LONGER: dict[str, str] = {}
"""Functions that may be longer, `path: name`, each with its reason."""


def parsed(path):
    return ast.parse(path.read_text("utf-8"))


def functions(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_module_is_two_rooms():
    long = {str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in FILES}
    assert not {p: n for p, n in long.items() if n > MODULE}


def test_no_function_is_longer_than_a_screen_or_takes_a_crowd():
    found = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        for f in functions(path):
            lines = f.end_lineno - f.lineno + 1
            given = [a.arg for a in (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs)]
            given = [a for a in given if a not in ("self", "cls")]
            if lines > FUNCTION and f"{name}: {f.name}" not in LONGER:
                found.append(f"{name}: {f.name} has {lines} lines")
            # a test's arguments are its fixtures
            if len(given) > ARGUMENTS and not name.startswith("tests/"):
                found.append(f"{name}: {f.name} takes {len(given)} arguments")
    assert not found, "\n".join(found)


def private(name):
    return name.startswith("_") and not name.startswith("__")


def test_no_test_takes_what_is_private():
    found = []
    for path in (p for p in FILES if p.is_relative_to(ROOT / "tests")):
        tree = parsed(path)
        imported = {
            a.asname or a.name: n.module
            for n in ast.walk(tree)
            if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("psm_viz")
            for a in n.names
        }
        for n in ast.walk(tree):
            from_us = isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
            if from_us and n.value.id in imported and private(n.attr):
                found.append(f"{path.name}:{n.lineno}: {n.value.id}.{n.attr}")
        found += [f"{path.name}: {name}" for name in imported if private(name)]
    assert not found, "\n".join(found)


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
QUOTED = [q for q in re.findall(r"`([^`\n]+)`", ARCHITECTURE) if "<" not in q]
NAMES = [n for n in QUOTED if re.fullmatch(r"[A-Za-z_]+(\(\w*\))?", n)]
DEFINED = {
    node.name
    for path in FILES
    for node in ast.walk(parsed(path))
    if isinstance(node, ast.FunctionDef | ast.ClassDef)
} | {
    target.id
    for path in FILES
    for node in parsed(path).body
    if isinstance(node, ast.Assign | ast.AnnAssign)
    for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    if isinstance(target, ast.Name)
}
OTHERS = {"resid_post", "validate"}
"""Words of the field, and verbs."""


@pytest.mark.parametrize("path", [q for q in QUOTED if "/" in q or q.endswith((".py", ".toml"))])
def test_the_architecture_names_paths_that_exist(path):
    at = (ROOT, ROOT / "psm_viz" / "study")  # a package's own files are named from inside it
    assert any((folder / path).exists() for folder in at), path


@pytest.mark.parametrize("name", NAMES)
def test_the_architecture_uses_names_that_exist(name):
    assert name.split("(")[0] in DEFINED | OTHERS, name


@pytest.mark.parametrize("doc", ["science", "study", "decisions", "architecture"])
def test_the_modules_that_docs_name_exist(doc):
    text = (ROOT / "docs" / f"{doc}.md").read_text("utf-8")
    packages = "|".join(sorted(p.parent.name for p in (ROOT / "psm_viz").glob("*/__init__.py")))
    for named in re.findall(rf"`(?:psm_viz/)?((?:{packages})/\w+)(?:\.py)?`", text):
        assert (ROOT / "psm_viz" / f"{named}.py").exists(), named
    for package, module in re.findall(rf"`({packages})\.(\w+)[.`]", text):
        if module != "json":  # study.json is a file of a study
            assert (ROOT / "psm_viz" / package / f"{module}.py").exists(), f"{package}.{module}"


def test_every_package_has_its_line():
    packages = {p.parent.name for p in (ROOT / "psm_viz").glob("*/__init__.py")}
    rows = set(re.findall(r"^\| `psm_viz/(\w+)/` \|", ARCHITECTURE, flags=re.M))
    assert rows == packages
    for name in packages:
        text = (ROOT / "psm_viz" / name / "__init__.py").read_text("utf-8")
        assert ast.get_docstring(ast.parse(text)), name
