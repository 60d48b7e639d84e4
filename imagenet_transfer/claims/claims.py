"""The table of the paper's claims."""

from dataclasses import dataclass

from imagenet_transfer.claims.paper import (
    budgets,
    coarse_gain,
    context,
    images_per_class,
    induction,
    merged_classes,
    other_data,
    splits,
)
from imagenet_transfer.claims.statement import Judge


@dataclass(frozen=True)
class Claim:
    """A claim: its id, where it is made, what it says, and the judge that makes its statements."""

    name: str
    section: str
    about: str
    judge: Judge


CLAIMS = (
    Claim(
        "1a",
        "introduction",
        "pre-training is better than a random start",
        images_per_class.beats_scratch,
    ),
    Claim(
        "1b",
        "Figure 1",
        "half of the images per class cost little transfer",
        images_per_class.half_the_images,
    ),
    Claim(
        "1c",
        "Figure 1",
        "half of the images cost more ImageNet accuracy than transfer",
        images_per_class.accuracy_suffers(fewest=False),
    ),
    Claim(
        "1d",
        "Figure 1",
        "ImageNet accuracy grows faster with images than transfer",
        images_per_class.accuracy_suffers(fewest=True),
    ),
    Claim(
        "2a",
        "Figure 2",
        "an eighth of the classes, merged, costs little",
        merged_classes.coarse_classes(1 / 8, 1 / 16, 0.25, "eighth"),
    ),
    Claim(
        "2b",
        "Figure 2",
        "half of the classes, merged, cost little",
        merged_classes.coarse_classes(1 / 2, 0.35, 0.65, "half"),
    ),
    Claim(
        "2c",
        "Figure 2",
        "labels with a few classes merged are better than all",
        merged_classes.slightly_coarse_is_better,
    ),
    Claim(
        "2d",
        "Figure 2",
        "labels with a few classes merged transfer as well as all",
        merged_classes.slightly_coarse_is_enough,
    ),
    Claim(
        "3a",
        "Figure 4",
        "fine distinctions are learnt from coarse labels",
        induction.fine_from_coarse,
    ),
    Claim(
        "3b",
        "Figure 4",
        "coarser labels teach fewer fine distinctions",
        induction.worse_when_coarser,
    ),
    Claim(
        "4a",
        "Table 2",
        "more images per class and more classes are comparable",
        budgets.comparable_budgets,
    ),
    Claim(
        "4b",
        "Table 2",
        "more images per class: slightly better for detection, else comparable",
        budgets.over_all_budgets,
    ),
    Claim(
        "5a",
        "Table 3",
        "the target's own classes are hardly needed",
        other_data.without_target_classes,
    ),
    Claim(
        "5b", "Table 3", "Places is worse than ImageNet for detection", other_data.scenes_are_worse
    ),
    Claim(
        "6a",
        "Figure 9",
        "a minimal split's half is better on its own than with everything",
        splits.half_accuracy("minimal"),
    ),
    Claim(
        "6b",
        "Figure 9",
        "a random split's half is better with everything than on its own",
        splits.half_accuracy("random"),
    ),
    Claim(
        "6c",
        "Section 6",
        "all layers trained: minimal half A gains from B, B does not from A",
        splits.all_layers,
    ),
    Claim(
        "7a", "Figure 6", "classes whose sub-classes look alike gain most", coarse_gain.alike_gain
    ),
    Claim(
        "7b",
        "Figure 6",
        "mammal, fruit, bird gain; tool, home appliance do not",
        coarse_gain.named_gains,
    ),
    Claim(
        "8a",
        "R*CNN (Gkioxari et al. 2015)",
        "context helps to recognise actions",
        context.context_helps,
    ),
)
