"""Where Snakemake's own report (`--report`) shows an output, under which label, with which words.

The words of tables and figures are params that are functions of `output`: Snakemake keeps these
out of what it compares with earlier runs, so other words run no job again.
"""

from imagenet_transfer.figures.builders import caption, heading
from imagenet_transfer.reporting.escapes import rst_text

FORMATS = {
    "csv": "numbers (CSV)",
    "md": "as in the paper (Markdown)",
    "png": "picture (PNG)",
    "svg": "picture (SVG)",
}


def shown_output(path, category):
    """Return a file of a table or a figure, marked for the report; its words are `params.words`."""
    more, _, suffix = path.partition("}")[2].rpartition(".")  # "-points" and "csv"
    return report(
        path,
        caption="../report/output.rst",
        category=category,
        subcategory=title_of_output,
        labels={"file": FORMATS[suffix] + more.replace("-", ", ")},
    )


def shown_summary(path, category, what):
    """Return a file about the whole study, marked for the report; its words are in an .rst file."""
    words = f"../report/{Path(path).stem}.rst"
    return report(path, caption=words, category=category, labels={"file": what})


def title_of_output(wildcards):
    """Return the title of a table or a figure: "Table 2", "All layers"."""
    return heading(output_of(wildcards))


def words_of_output(wildcards, output):
    """Return what is seen in a table or a figure, as reStructuredText."""
    return rst_text(caption(output_params(wildcards)))
