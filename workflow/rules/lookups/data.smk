"""Where a data set's rendered part and its own region proposals lie."""


def rendered_part(wildcards):
    """Return the marker of the rendered part that a data set lies in, if it is rendered."""
    part = study.datasets[wildcards.dataset].get("render")
    return f"data/miniature/{part}.json" if part else []


def boxes_of_user(wildcards):
    """Return the user's file of region proposals, if the study is given one."""
    return study.datasets[wildcards.dataset]["proposals"].get("path", [])
