"""Python 2 as Python 3 of the same lines: what a script of 2016 needs to be read, and the numbers it had then.

Words are replaced in the text, so a traceback shows the user's lines. What only shows when it runs is replaced in the
syntax tree: `/` of two ints rounds down, `d.keys()`, `map`, `zip`, `filter` and `range` give lists.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import itertools
import re
import sys
from collections.abc import Iterator, KeysView, ValuesView
from collections.abc import Set as ItemsView
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

Tokens = list["Token"]


@dataclass
class Token:
    """A piece of source and its kind; all of them joined are the source."""

    kind: str
    text: str


#: kind -> how it is written; the first that fits
_KINDS = {
    "string": r"[bBuUrR]{0,2}(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\""
    r"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\")",
    "comment": r"#[^\n]*",
    "joined": r"\\\r?\n",
    "newline": r"\r?\n",
    "space": r"[ \t\f]+",
    "number": r"0[xX][0-9a-fA-F]+[lL]?|0[bB][01]+[lL]?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[jJlL]?",
    "name": r"[^\W\d]\w*",
    "operator": r"<>|\*\*=|//=|>>=|<<=|[-+*/%&|^=!<>]=|\*\*|//|>>|<<|.",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{how})" for kind, how in _KINDS.items()), re.DOTALL)

_BLANK = ("space", "comment", "joined")
_METHODS = {
    "has_key": "__contains__",
    "iteritems": "items",
    "iterkeys": "keys",
    "itervalues": "values",
    "next": "__next__",
    "viewitems": "items",
    "viewkeys": "keys",
    "viewvalues": "values",
}


def convert(source: str) -> str:
    """The text of a Python 2 source as Python 3, line by line."""
    tokens = [Token(str(found.lastgroup), found[0]) for found in _TOKEN.finditer(source)]
    _replace_words(tokens)
    _replace_backticks(tokens)
    tokens = _without_tuples(tokens)
    printing = re.search(r"from\s+__future__\s+import\s[^\n]*\bprint_function\b", source) is None
    pieces = [_statement(part, printing) for part in _statements(tokens)]
    return _spaces("".join(token.text for part in pieces for token in part))


def _spaces(source: str) -> str:
    """Tabs at the beginning of lines as the eight columns that they were, where both are used."""
    if not re.search(r"^ *\t", source, re.MULTILINE) or not re.search(r"^\t* ", source, re.MULTILINE):
        return source
    return re.sub(r"^[ \t]+", lambda found: found[0].expandtabs(8), source, flags=re.MULTILINE)


def _replace_words(tokens: Tokens) -> None:
    before = Token("newline", "\n")
    for token in tokens:
        if token.kind == "number":
            token.text = _number(token.text)
        elif token.kind == "string":
            token.text = re.sub(r"^[uU][rR]", "r", token.text)
        elif token.text == "<>":
            token.text = "!="
        elif before.text in (".", "def") and token.text in _METHODS:
            token.text = _METHODS[token.text]
        before = before if token.kind in _BLANK else token


def _number(text: str) -> str:
    text = text.rstrip("lL")
    return f"0o{text.lstrip('0')}" if re.fullmatch(r"0\d*[1-9]\d*", text) else text


def _replace_backticks(tokens: Tokens) -> None:
    ticks = itertools.cycle(("repr(", ")"))
    for token in tokens:
        if token.text == "`":
            token.text = next(ticks)


def _without_tuples(tokens: Tokens) -> Tokens:
    """Parameters in brackets, `def f(a, (b, c))` and `lambda (a, b): a`, as single names, which `_Meaning` unpacks."""
    found: Tokens = []
    depth = start = 0  # of the brackets; where the parameter in brackets begins
    inside: list[int] = []  # the depth at which the parameters of a lambda or def stand, the innermost last
    last = ""
    for token in tokens:
        text = token.text if token.kind in ("operator", "name") else ""
        depth -= text in (")", "]", "}")
        if start and text == ")" and depth == inside[-1]:
            pattern = "".join(one.text for one in found[start:]) + ")"
            found[start:] = [Token("name", _PACKED + pattern.encode().hex())]
            start, last = 0, text
            continue
        if inside and not start and ((text == ":" and depth == inside[-1]) or depth < inside[-1]):
            inside.pop()
        if inside and not start and text == "(" and depth == inside[-1] and last in ("lambda", "(", ","):
            start = len(found)
        if text == "lambda" or (text == "(" and last == "def "):
            inside.append(depth + (text == "("))
        depth += text in ("(", "[", "{")
        found.append(token)
        last = "def " if last == "def" and token.kind == "name" else last if token.kind in _BLANK else text
    return found


_PACKED = "packed_"


def _statements(tokens: Tokens) -> Iterator[Tokens]:
    """Runs of tokens that hold one statement each, with what ends them; `if x: print y` are two."""
    part: Tokens = []
    depth = 0
    for token in tokens:
        part.append(token)
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0) if _is_operator(token) else 0
        ends = token.kind == "newline" or (_is_operator(token) and token.text == ";")
        head = _is_operator(token) and token.text == ":" and _first(part) in _HEADS and not _in_lambda(part)
        if depth <= 0 and (ends or head):
            yield part
            part, depth = [], 0
    yield part


_HEADS = {"if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class"}


def _is_operator(token: Token) -> bool:
    return token.kind == "operator"


def _in_lambda(part: Tokens) -> bool:
    """Whether the colon that `part` ends with is that of a lambda."""
    lambdas = sum(1 for token in part if token.kind == "name" and token.text == "lambda")
    return sum(1 for token in part if token.text == ":" and _is_operator(token)) <= lambdas


def _first(part: Tokens) -> str:
    return next((token.text for token in part if token.kind not in (*_BLANK, "newline")), "")


def _statement(part: Tokens, printing: bool) -> Tokens:
    """One statement with its Python 2 form replaced."""
    begin = next((i for i, token in enumerate(part) if token.kind not in (*_BLANK, "newline")), len(part))
    end = len(part)
    while end > begin and (part[end - 1].kind in (*_BLANK, "newline") or part[end - 1].text in (";", ":")):
        end -= 1
    word = part[begin].text if begin < len(part) else ""
    rewrite = {"print": _print, "exec": _exec, "raise": _raise, "except": _except}.get(word)
    if rewrite is None or (word == "print" and not printing):
        return part
    body = "".join(token.text for token in part[begin + 1 : end]).strip()
    if word == "print" and body[:1] == "=":
        return part
    return [*part[:begin], Token("name", rewrite(body)), *part[end:]]


def _split(body: str, separator: str = ",") -> list[str]:
    """Parts of an expression list, split where no bracket is open."""
    parts, depth = [""], 0
    for found in _TOKEN.finditer(body):
        text, kind = found[0], found.lastgroup
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(text, 0) if kind == "operator" else 0
        if text == separator and depth == 0 and kind in ("operator", "name"):
            parts.append("")
        else:
            parts[-1] += text
    return [part.strip() for part in parts]


def _print(body: str) -> str:
    end, file = "", ""
    if body.startswith(">>"):
        target, *rest = _split(body[2:])
        file, body = f"file={target}", ", ".join(rest)
    if body.endswith(","):
        end, body = "end=' '", body[:-1].rstrip()
    # One value in brackets of its own: `print ("a", "b")` printed a tuple.
    single = f"({body})" if body and len(_split(body)) == 1 else body
    return f"print({', '.join(filter(None, (single, end, file)))})"


def _exec(body: str) -> str:
    parts = _split(body, "in")
    return f"exec({', '.join(parts)})" if len(parts) == 2 or not body.startswith("(") else f"exec{body}"


def _raise(body: str) -> str:
    parts = _split(body)
    if len(parts) == 1:
        return f"raise {body}".rstrip()
    made = f"raise {parts[0]}({parts[1]})"
    return made if len(parts) == 2 else f"{made}.with_traceback({parts[2]})"


def _except(body: str) -> str:
    parts = _split(body)
    return f"except {parts[0]} as {parts[1]}" if len(parts) == 2 else f"except {body}".rstrip()


# -- what shows when it runs ---------------------------------------------------------------------------------------


def _whole(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype.kind in "iu"
    return isinstance(value, int)


def divided(a: Any, b: Any) -> Any:
    """`a / b` of Python 2: rounded down where both are ints."""
    return a // b if _whole(a) and _whole(b) else a / b


def divided_in_place(a: Any, b: Any) -> Any:
    """`a /= b` of Python 2."""
    if _whole(a) and _whole(b):
        a //= b
    else:
        a /= b
    return a


def listed(value: Any) -> Any:
    """The list that `keys()`, `values()` and `items()` of a dict gave."""
    return list(value) if isinstance(value, (KeysView, ValuesView, ItemsView)) and not isinstance(value, set) else value


class _Meaning(ast.NodeTransformer):
    """Operations whose meaning has changed, as calls of the functions above."""

    def __init__(self, division: bool) -> None:
        self.division = division

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        packed = [one.arg for one in node.args.args if one.arg.startswith(_PACKED)]
        at = 1 if ast.get_docstring(node) is not None else 0
        node.body[at:at] = [_placed(f"{_pattern(name)} = {name}", node.body[0]) for name in packed]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        packed = [one.arg for one in node.args.args if one.arg.startswith(_PACKED)]
        if packed:
            # A loop over one value binds the names for the body.
            pattern, values = ", ".join(map(_pattern, packed)), ", ".join(packed)
            unpacked = _placed(f"[0 for {pattern}, in [({values},)]][0]", node.body).value
            unpacked.value.elt, node.body = node.body, unpacked
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return self._call("divided", node, node.left, node.right) if self._divides(node) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not self._divides(node):
            return node
        text = ast.unparse(node.target)
        current = ast.parse(text, mode="eval").body
        value = self._call("divided_in_place", node, current, node.value)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        bare = not node.args and not node.keywords
        return self._call("listed", node, node) if method in ("keys", "values", "items") and bare else node

    def _divides(self, node: ast.BinOp | ast.AugAssign) -> bool:
        return self.division and isinstance(node.op, ast.Div)

    def _call(self, name: str, at: ast.AST, *args: ast.expr) -> ast.Call:
        made = ast.Call(ast.Name(f"__{name}__", ast.Load()), list(args), [])
        for node in ast.walk(made):
            if not hasattr(node, "lineno"):
                ast.copy_location(node, at)
        return made


def _pattern(name: str) -> str:
    """The parameters in brackets that a name stands for."""
    return bytes.fromhex(name.removeprefix(_PACKED)).decode()


def _placed(text: str, at: ast.AST) -> Any:
    """A statement that a traceback shows at the place of another; of an expression its value."""
    made = ast.parse(text).body[0]
    for node in ast.walk(made):
        ast.copy_location(node, at)
    return made


class _Dicts(ast.NodeTransformer):
    """The methods of dicts that Python 3 has not, in a file that it can read: what has them keeps them."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS and node.func.attr != "next":
            method = ast.Call(ast.Name("__method__", ast.Load()), [node.func.value, ast.Constant(node.func.attr)], [])
            node.func = ast.copy_location(method, node)
        return node


def method(owner: Any, name: str) -> Any:
    """The method `name` of anything that has it; for the dicts of today, what it is called now."""
    return getattr(owner, name if hasattr(owner, name) else _METHODS[name])


def _reload(module: Any) -> Any:
    """`reload(sys)` was said to get `sys.setdefaultencoding`: nothing has to be loaded again."""
    return module if module is sys else importlib.reload(module)


def _execfile(path: str, *names: Any) -> None:
    spaces = names or (sys._getframe(1).f_globals,)
    exec(compiled(Path(path).read_text(encoding="utf-8"), path), *spaces)


#: names that Python 2 had without an import
NAMES: dict[str, Any] = {
    "__method__": method,
    "basestring": str,
    "cmp": lambda a, b: (a > b) - (a < b),
    "execfile": _execfile,
    "file": open,
    "intern": sys.intern,
    "long": int,
    "raw_input": input,
    "reduce": functools.reduce,
    "reload": _reload,
    "unichr": chr,
    "unicode": str,
    "xrange": range,
}
#: names whose meaning has changed
CHANGED: dict[str, Any] = {
    "__divided__": divided,
    "__divided_in_place__": divided_in_place,
    "__listed__": listed,
    "filter": lambda function, items: list(builtins.filter(function, items)),
    "map": lambda function, *items: list(builtins.map(function, *items)),
    "range": lambda *bounds: list(builtins.range(*bounds)),
    "zip": lambda *items: list(builtins.zip(*items, strict=False)),
}


_OLD_CALL = re.compile(r"\.\s*(?:has_key|(?:iter|view)(?:items|keys|values))\b")


def is_python2(source: str, filename: str) -> bool:
    """Whether `source` can only be read as Python 2."""
    try:
        ast.parse(source, filename)
    except SyntaxError:
        return True
    return False


def compiled(source: str, filename: str, python2: bool | None = None) -> CodeType:
    """`source` compiled; as Python 2 where it is, or where it cannot be read otherwise.

    Python 2 needs the names of `CHANGED` when it runs.

    Raises:
        SyntaxError: it is neither, with the line as Python 3 sees it.
    """
    if not (is_python2(source, filename) if python2 is None else python2):
        tree = ast.parse(source, filename)
        changed = _Dicts().visit(tree) if _OLD_CALL.search(source) else tree
        return compile(ast.fix_missing_locations(changed), filename, "exec", dont_inherit=True)
    future = re.search(r"from\s+__future__\s+import\s[^\n]*\bdivision\b", source) is not None
    tree = ast.parse(convert(source), filename)
    changed = _Meaning(division=not future).visit(tree)
    return compile(ast.fix_missing_locations(changed), filename, "exec", dont_inherit=True)
