"""The imports of this project, read from its source: every module, every import, wherever it stands.

An import inside a function counts like one at the top; one under ``if TYPE_CHECKING:`` does not, since it never runs.
"""

import ast
import io
import os
from typing import Dict, Iterator, List, NamedTuple, Set

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ("harness", "suites", "reports")


class Module(NamedTuple):
    """One source file: the names it imports, as absolute dotted names, and its text constants."""

    name: str
    imports: Set[str]
    texts: Set[str]


def module_name(path: str, root: str) -> str:
    parts = os.path.relpath(path, root)[:-len(".py")].split(os.sep)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def source_files(root: str, packages: "tuple") -> List[str]:
    return sorted(os.path.join(folder, name) for package in packages
                  for folder, _, names in os.walk(os.path.join(root, package)) for name in names
                  if name.endswith(".py"))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if _is_type_checking(child):
            continue
        yield child
        for below in _statements(child):
            yield below


def _docstrings(tree: ast.AST) -> Set[int]:
    return {id(node.body[0].value) for node in ast.walk(tree)
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body
            and isinstance(node.body[0], ast.Expr)}


def read_module(path: str, root: str = ROOT) -> Module:
    with io.open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    name = module_name(path, root)
    package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
    imports: Set[str] = set()
    texts: Set[str] = set()
    docstrings = _docstrings(tree)
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[:len(package.split(".")) - node.level + 1] if node.level else []
            base += [node.module] if node.module else []
            imports.add(".".join(base))
            imports.update(".".join(base + [alias.name]) for alias in node.names)
        else:
            value = getattr(node, "value", None) if type(node).__name__ == "Constant" else getattr(node, "s", None)
            if isinstance(value, str) and id(node) not in docstrings:
                texts.add(value)
    return Module(name, imports, texts)


def read_project(root: str = ROOT, packages: "tuple" = PACKAGES) -> List[Module]:
    return [read_module(path, root) for path in source_files(root, packages)]


def graph(modules: List[Module]) -> Dict[str, Set[str]]:
    """Return for each module the modules of this project that it imports.

    ``from package import module`` is an arrow to the module; a name that is no module is one to the package's own
    file. The packages above a module are not counted: Python runs them first, but they need nothing of it.
    """
    names = {module.name for module in modules}
    found: Dict[str, Set[str]] = {}
    for module in modules:
        arrows = {name for name in module.imports if name in names}
        # "from a.b import c" names both a.b and, where c is a module, a.b.c: only the deeper one is meant.
        deeper = {name.rpartition(".")[0] for name in arrows}
        only_modules = {name for name in arrows if name in deeper and not _names_of(module, name, names)}
        found[module.name] = arrows - only_modules - {module.name}
    return found


def _names_of(module: Module, package: str, names: Set[str]) -> bool:
    """Whether ``module`` takes something from ``package``'s own file, not only modules that lie in it."""
    inside = [name for name in module.imports if name.rpartition(".")[0] == package]
    return any(name not in names for name in inside)


def rooms(arrows: Dict[str, Set[str]]) -> Dict[str, Set[str]]:
    """Return the arrows between rooms: folders of a package, and modules that lie in none."""
    def room(name: str) -> str:
        return ".".join(name.split(".")[:2])

    found: Dict[str, Set[str]] = {room(name): set() for name in arrows}
    for name, others in arrows.items():
        found[room(name)].update(room(other) for other in others)
    return {name: others - {name} for name, others in found.items()}


def circles(arrows: Dict[str, Set[str]]) -> List[List[str]]:
    """Return the groups of modules that import one another in a circle (strongly connected parts; Tarjan)."""
    index: Dict[str, int] = {}
    low: Dict[str, int] = {}
    stack: List[str] = []
    found: List[List[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = []
            while True:
                part.append(stack.pop())
                if part[-1] == name:
                    break
            if len(part) > 1:
                found.append(sorted(part))

    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return found
