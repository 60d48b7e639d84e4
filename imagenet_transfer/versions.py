"""The version of each stage's numerics; raise it when results change, and say why in CHANGELOG.md.

Changed code triggers no reruns, as a reformatted file must not retrain a network. A version is a
parameter of its stage, so raising it reruns the stage and everything that depends on it.
"""

VERSIONS = {
    "render": 1,
    "store": 1,
    "proposals": 1,
    "label_set": 1,
    "visual": 1,
    "manifest": 1,
    "given": 1,
    "classification": 1,
    "detection": 3,
    "action": 2,
    "knn": 1,
    "probe": 1,
    "few-shot": 1,
    "embedding": 1,
    "analysis": 2,
    "reporting": 3,
}
