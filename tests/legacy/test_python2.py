"""Python 2 sources: each form that changed, what they print, and lines that stay where they are."""

from __future__ import annotations

import ast
import contextlib
import io
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerato.legacy import python2


def printed(source: str, **names: Any) -> str:
    space = {"__name__": "script", **python2.NAMES, **python2.CHANGED, **names}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(python2.compiled(source, "script.py", True), space)
    return out.getvalue()


#: source -> the same in Python 3
FORMS = {
    "print": "print()",
    "print 'a', 1": "print('a', 1)",
    "print 'a',": "print(('a'), end=' ')",
    "print ('a', 'b')": "print((('a', 'b')))",
    "print >>f, x, y": "print(x, y, file=f)",
    "print >>f": "print(file=f)",
    "print '%d' % (1,)  # why": "print(('%d' % (1,)))  # why",
    "if x: print 1; print 2": "if x: print((1)); print((2))",
    "exec 'a = 1'": "exec('a = 1')",
    "exec code in space": "exec(code, space)",
    "exec(code)": "exec(code)",
    "raise ValueError, 'bad'": "raise ValueError('bad')",
    "raise E, 'bad', tb": "raise E('bad').with_traceback(tb)",
    "raise": "raise",
    "raise ValueError('a, b')": "raise ValueError('a, b')",
    "`x` + `y`": "repr(x) + repr(y)",
    "a <> b": "a != b",
    "10L + 0xFFl + 0777 + 0 + 00 + 0.5": "10 + 0xFF + 0o777 + 0 + 00 + 0.5",
    "ur'\\n' + u'a'": "r'\\n' + u'a'",
    "d.iteritems(), d.itervalues(), d.iterkeys()": "d.items(), d.values(), d.keys()",
    "d.has_key(1)": "d.__contains__(1)",
    "it.next()": "it.__next__()",
    "def next(self): pass": "def __next__(self): pass",
    "f = lambda x: x": "f = lambda x: x",
    "'print x', \"exec y\"  # raise A, 'b'": "'print x', \"exec y\"  # raise A, 'b'",
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), FORMS.items(), ids=list(FORMS))
def test_forms(old: str, new: str) -> None:
    assert python2.convert(old) == new
    assert python2.convert(f"{old}\n") == f"{new}\n"


def test_except_binds_its_name() -> None:
    source = "try:\n    raise KeyError, 'k'\nexcept (KeyError, ValueError), e:\n    print 'got', e\nexcept:\n    pass\n"
    assert printed(source) == "got 'k'\n"


def test_parameters_in_brackets_are_unpacked() -> None:
    source = (
        "def area((a, b), c=(1, 2), (d, (e, f))=(3, (4, 5))):\n    'The doc.'\n    a += 1\n"
        "    return a * b, c, d + e + f\n"
        "print area((2, 3)), area.__doc__\n"
        "print map(lambda (k, v): k * v, [(2, 3), (4, 5)]), sorted([(1, 'b'), (2, 'a')], key=lambda (n, w): w)\n"
        "print (lambda x, (y, (z, w)): [x, y, z, w])(1, (2, (3, 4))), (lambda a=(1, 2): a)()\n"
        "print [f((1, 2)) for f in (lambda (p, q): p + q, lambda r: r)], {1: lambda (s, t): t}[1]((5, 6))\n"
    )
    assert printed(source) == (
        "(9, (1, 2), 12) The doc.\n[6, 20] [(2, 'a'), (1, 'b')]\n[1, 2, 3, 4] (1, 2)\n[3, (1, 2)] 6\n"
    )


def test_a_file_that_python_3_reads_may_still_ask_dicts_as_then() -> None:
    class Own:
        def iteritems(self) -> str:
            return "own"

    source = (
        "for key, value in sorted({'a': 1}.iteritems()): print(key, value)\n"
        "print(list({'a': 1}.itervalues()), {'a': 1}.has_key('a'), own.iteritems(), 3 / 2, range(2))\n"
    )
    out, space = io.StringIO(), {**python2.NAMES, "own": Own()}
    with contextlib.redirect_stdout(out):
        exec(python2.compiled(source, "script.py"), space)
    assert out.getvalue() == "a 1\n[1] True own 1.5 range(0, 2)\n"


def test_print_function_of_the_future_is_left_alone() -> None:
    source = "from __future__ import print_function\nprint('a', 'b')\nx = 0777\n"
    assert printed(source) == "a b\n"


def test_ints_divide_to_ints_and_nothing_else_does() -> None:
    source = "print 7 / 2, -7 / 2, 7.0 / 2, a / 2, b / 2\nx = 7\nx /= 2\na /= 2\nb /= 2\nprint x, a, b"
    numbers = {"a": np.array([5, 7]), "b": np.array([5.0, 7.0])}
    assert printed(source, **numbers) == "3 -4 3.5 [2 3] [2.5 3.5]\n3 [2 3] [2.5 3.5]\n"
    assert printed("from __future__ import division\nprint 7 / 2, 0777") == "3.5 511\n"


def test_division_in_place_keeps_the_array() -> None:
    a = np.array([4.0, 6.0])
    printed("b = a\na /= 2\nd['k'] /= 2\nprint 1", a=a, d={"k": 3})
    assert a.tolist() == [2, 3]


def test_lists_are_lists() -> None:
    source = "d = {'a': 1}\nprint d.keys()[0], d.items() + d.values(), zip([1], [2])[0], map(str, [1]), range(3)[1:]"
    assert printed(source) == "a [('a', 1), 1] (1, 2) ['1'] [1, 2]\n"


def test_names_without_an_import() -> None:
    source = (
        "import sys\nreload(sys)\nprint isinstance('a', basestring), unicode(1), long(2), unichr(65), cmp(1, 2), "
        "reduce(lambda a, b: a + b, [1, 2]), len(xrange(3))\n"
    )
    assert printed(source) == "True 1 2 A -1 3 3\n"
    assert python2.NAMES["reload"](sys) is sys


def test_tabs_are_eight_columns_where_spaces_are_used_too() -> None:
    assert printed("if 1:\n\tif 1:\n\t    print 'a'\n        print 'b'\n") == "a\nb\n"


def test_lines_stay_where_they_are() -> None:
    source = "x = 1\nprint '''a\nb''', (1,\n  2)\nraise ValueError, \\\n  'bad'\n"
    assert python2.convert(source).count("\n") == source.count("\n")
    with pytest.raises(ValueError, match="bad") as caught:
        printed(source)
    assert caught.traceback[-1].lineno == 4


def test_what_is_python_3_is_compiled_as_it_is() -> None:
    assert not python2.is_python2("print('a')\nx = 7 / 2", "a.py")
    space: dict[str, Any] = {}
    exec(python2.compiled("x = 7 / 2", "a.py"), space)
    assert space["x"] == 3.5
    with pytest.raises(SyntaxError):
        python2.compiled("def (:", "a.py")


EXPRESSIONS = st.recursive(
    st.sampled_from(["x", "12", "'a, b'", '"in"', "f(1, 2)", "[1, 2]", "d['k']"]),
    lambda inner: st.builds("({} + {})".format, inner, inner) | st.builds("g({}, {})".format, inner, inner),
    max_leaves=5,
)


@given(st.lists(EXPRESSIONS, min_size=1, max_size=4))
def test_printed_values_are_the_values(values: list[str]) -> None:
    call = ast.parse(python2.convert(f"print {', '.join(values)}")).body[0].value  # type: ignore[attr-defined]
    assert [ast.dump(argument) for argument in call.args] == [ast.dump(ast.parse(v, mode="eval").body) for v in values]


@given(st.text(alphabet="abx01 \n\t'\"#()[]{}:;,.=+-*/<>`\\%!print", max_size=60))
def test_any_text_keeps_its_lines(text: str) -> None:
    assert len(python2.convert(text).split("\n")) == len(text.split("\n"))
