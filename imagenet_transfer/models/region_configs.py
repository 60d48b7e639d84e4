"""The recipe's sections for networks that judge regions: their keys and defaults, without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from imagenet_transfer.keys import (
    flag,
    from_mapping,
    listed,
    number,
    pair_of_shares,
    share,
    side,
    whole,
)

POSITIVE_NUMBER = {"type": "number", "exclusiveMinimum": 0}


@dataclass(frozen=True, kw_only=True)
class RegionConfig:
    """How regions are seen; the defaults are the paper's."""

    SECTION: ClassVar[str]  # the recipe's key

    short_side: int = side("Images are resized to this short side in pixels ({default}) ...", 600)
    long_side: int = side("... unless their long side would exceed this ({default}).", 1000)
    copy_fc: bool = flag(
        "Whether the network's head (fc6 and fc7 of AlexNet) starts from the pre-trained weights "
        "({default}).",
        True,
    )
    frozen: Sequence[str] = listed(
        "Parts of the network that are not trained, such as conv1 ({default}).",
        (),
        {"type": "string", "pattern": "^[a-z]+[0-9]*$(?!\\n)"},
        uniqueItems=True,
    )

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Return the configuration of a recipe's section; UserError if it has an unknown key."""
        return from_mapping(cls, mapping, f"The recipe's {cls.SECTION}")


@dataclass(frozen=True, kw_only=True)
class DetectorConfig(RegionConfig):
    """The `detector` section: Faster R-CNN."""

    SECTION: ClassVar[str] = "detector"

    anchor_base: int = side(
        "Side in pixels of the square that ratios and scales are applied to ({default}).", 16
    )
    anchor_scales: Sequence[float] = listed(
        "Scales of the anchors ({default}).",
        (8, 16, 32),
        POSITIVE_NUMBER,
        minItems=1,
        uniqueItems=True,
    )
    anchor_ratios: Sequence[float] = listed(
        "Height over width of the anchors ({default}).",
        (0.5, 1, 2),
        POSITIVE_NUMBER,
        minItems=1,
        uniqueItems=True,
    )
    rpn_channels: int = whole(
        "Channels of the region proposal network ({default}).", 256, maximum=65536
    )
    rpn_positive_iou: float = share(
        "Anchors with at least this IoU are positive ({default}), and each object's best one.", 0.7
    )
    rpn_negative_iou: float = share("Anchors below this IoU are negative ({default}).", 0.3)
    rpn_samples: int = whole("Anchors per image in the loss ({default}).", 256)
    rpn_positive_fraction: float = share("Positive share of them, at most ({default}).", 0.5)
    proposal_nms: float = share("IoU of non-maximum suppression of proposals ({default}).", 0.7)
    proposal_min_side: float = number(
        "Smallest side of a proposal in pixels of the image before resizing ({default}).",
        16,
        minimum=0,
    )
    train_proposals_before_nms: int = whole(
        "Proposals before suppression in training ({default}).", 12000
    )
    train_proposals: int = whole("Proposals after it in training ({default}).", 2000)
    test_proposals_before_nms: int = whole(
        "Proposals before suppression in testing ({default}).", 6000
    )
    test_proposals: int = whole("Proposals after it in testing ({default}).", 300)
    rois: int = whole("RoIs per image in the loss ({default}).", 128)
    foreground_fraction: float = share("Foreground share of them, at most ({default}).", 0.25)
    foreground_iou: float = share("RoIs with at least this IoU are foreground ({default}).", 0.5)
    background_iou: Sequence[float] = pair_of_shares(
        "RoIs from the first up to the second IoU are background ({default}).", (0.0, 0.5)
    )
    score_threshold: float = share("Detections need a higher score ({default}).", 0.05)
    detection_nms: float = share("IoU of non-maximum suppression of detections ({default}).", 0.3)
    max_detections: int = whole("Detections per image ({default}).", 100)


@dataclass(frozen=True, kw_only=True)
class RStarConfig(RegionConfig):
    """The `rstarcnn` section: R*CNN; the defaults are those of its code."""

    SECTION: ClassVar[str] = "rstarcnn"

    context: bool = flag(
        "Whether the regions around a person are looked at ({default}), or only the person. The "
        "features of the person's own region reach beyond it in either case.",
        True,
    )
    surroundings: bool = flag(
        "Whether the image is seen around people ({default}), or blank outside their boxes: the "
        "control without any context.",
        True,
    )
    primary_iou: float = share(
        "Boxes with at least this IoU with a person are primary regions in training ({default}).",
        0.5,
    )
    primaries: int = whole("Primary regions per image in the loss ({default}).", 15)
    secondary_iou: Sequence[float] = pair_of_shares(
        "Secondary regions have an IoU with the primary from the first to the second ({default}).",
        (0.2, 0.75),
    )
    secondaries: int = whole(
        "Secondary regions drawn for each primary one in training ({default}).", 10
    )
    test_secondaries: int | None = whole(
        "Secondary regions of each person in testing, at most (all).", None
    )
