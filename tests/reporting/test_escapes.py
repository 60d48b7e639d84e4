"""Text of users in other formats: shown as it is, whatever signs it holds."""

import re

import pytest
from docutils.core import publish_parts
from hypothesis import given, settings
from hypothesis import strategies as st

from imagenet_transfer.reporting.escapes import latex_text, rst_text

PLAIN = st.text(st.characters(codec="latin-1", categories=("L", "N", "P", "S")), min_size=1)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # writer_name: older docutils
@settings(deadline=None, max_examples=50)
@given(st.lists(PLAIN, min_size=1, max_size=4).map(" ".join))
def test_rst_shows_exactly_the_text(text):
    found = publish_parts(rst_text(text), writer_name="pseudoxml")["whole"]
    document, paragraph, shown = found.strip("\n").split("\n")
    assert document.startswith("<document") and paragraph.strip() == "<paragraph>"
    assert shown.strip() == text


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("5 % & more_of #1", r"5 \% \& more\_of \#1"),
        (
            r"a\b~c^d {e} $f$",
            r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d \{e\} \$f\$",
        ),
        ("3 × 4 – 5′ ± −1", r"3 $\times$ 4 -- 5$'$ $\pm$ $-$1"),
        ("--no ''quotes'' ,,here", "-{}-no '{}'quotes'{}' ,{},here"),
        ("[1] *", "{[}1{]} {*}"),  # after the end of a row these would be its options
        ("called `replicates_of`", r"called \texttt{replicates\_of}"),
        ("two\n lines", "two lines"),
        ("e\u0301tude, œuvre", "étude, œuvre"),
        ("犬 🐕", "{[}U+72AC{]} {[}U+1F415{]}"),
    ],
)
def test_latex_shows_exactly_the_text(text, latex):
    assert latex_text(text) == latex


@settings(deadline=None)
@given(PLAIN)
def test_nothing_of_a_text_is_a_command(text):
    known = re.sub(r"\\(text\w+|[$&%#_{}]|times|pm|cdot|mu|\w+)(\{\})?", "", latex_text(text))
    assert not re.search(r"[\\&%#_~^]", known)
