"""Declared looks of some synsets: body plan, palette, pattern, traits (0..1).

Everything else is inherited and perturbed.
"""

from dataclasses import dataclass, field

FUR = "fur"
VIVID = "vivid"
PALE = "pale"
WOOD = "wood"
GREY = "grey"
EARTH = "earth"


@dataclass(frozen=True)
class Declaration:
    """A synset's declared look; `None` means inherited.

    `traits` are fixed for this synset and perturbed again for its descendants.
    """

    plan: str | None = None
    palette: str | None = None
    pattern: str | None = None
    traits: dict[str, float] = field(default_factory=dict)


def _declare(
    plan: str | None = None, palette: str | None = None, pattern: str | None = None, **traits: float
) -> Declaration:
    return Declaration(plan, palette, pattern, traits)


DECLARATIONS = {
    "n00001740": _declare("gadget", VIVID, "plain"),  # entity
    "n00007846": _declare("person", VIVID, "plain"),
    # Mammals
    "n01861778": _declare(
        "quadruped",
        FUR,
        "belly",
        fleece=0.0,
        hoof=0.0,
        plume=0.4,
        whisker=0.0,
        horn=0.0,
        mane=0.0,
        ear_round=0.0,
    ),
    "n02469914": _declare(
        snout=0.1, leg=0.75, tail=0.9, ear=0.3, ear_round=0.9, trunk=0.3
    ),  # primate
    "n02083346": _declare(
        snout=0.5, leg=0.5, tail=0.55, tail_up=0.6, horn=0.0, mane=0.1, neck=0.4
    ),  # canine
    "n02084071": _declare(ear_drop=0.55, pattern="saddle"),  # dog
    "n02092468": _declare(
        ear_drop=0.25, leg=0.3, shag=0.8, snout=0.35, tail=0.25, tail_up=0.9, hue=0.45, light=0.45
    ),  # terrier
    "n02087551": _declare(
        ear_drop=1.0,
        ear=0.8,
        shag=0.05,
        pattern="saddle",
        hue=0.3,
        chroma=0.8,
        light=0.6,
        tail=0.6,
        contrast=0.85,
    ),  # hound
    "n02099029": _declare(
        ear_drop=0.8, leg=0.55, trunk=0.6, shag=0.3, pattern="belly", contrast=0.25, light=0.7
    ),  # retriever
    "n02111626": _declare(
        ear_drop=0.0, ear=0.3, shag=0.95, tail_up=1.0, tail=0.7, plume=0.9, contrast=0.2
    ),  # spitz
    "n02099601": _declare(
        hue=0.45, light=0.72, chroma=0.95, shag=0.7, plume=0.9
    ),  # golden retriever
    "n02096051": _declare(
        pattern="saddle", hue=0.15, chroma=0.9, light=0.5, second_light=0.0, leg=0.55
    ),  # airedale
    "n02112018": _declare(hue=0.2, light=0.62, chroma=0.95, leg=0.25, trunk=0.2),  # pomeranian
    "n02111889": _declare(light=1.0, chroma=0.02, leg=0.5),  # samoyed
    "n02088238": _declare(leg=0.02, trunk=0.95, pattern="patches", ear=1.0),  # basset
    "n02120997": _declare(
        snout=0.05,
        leg=0.4,
        tail=0.9,
        ear=0.5,
        ear_drop=0.0,
        head=0.55,
        horn=0.0,
        mane=0.0,
        whisker=1.0,
        trunk=0.6,
    ),  # feline
    "n02121620": _declare(pattern="belly", contrast=0.4, head=0.65),  # cat
    "n02123045": _declare(pattern="stripes", contrast=0.6),  # tabby
    "n02123394": _declare(pattern="plain", shag=1.0, light=0.9, plume=0.9),  # Persian cat
    "n02123597": _declare(
        pattern="points", fleece=0.0, second_light=0.0, light=0.9, contrast=0.95, shag=0.0
    ),  # Siamese cat
    "n02127808": _declare(hue=0.35, light=0.65, chroma=0.9, ear_round=0.9, head=0.5),  # big cat
    "n02129604": _declare(
        pattern="stripes",
        contrast=1.0,
        hue=0.15,
        chroma=1.0,
        second_light=0.0,
        frequency=0.7,
        slant=0.5,
    ),  # tiger
    "n02129165": _declare(pattern="plain", mane=1.0),  # lion
    "n02128385": _declare(pattern="spots", contrast=1.0, second_light=0.0),  # leopard
    "n02130308": _declare(pattern="spots", contrast=1.0, second_light=0.0),  # cheetah
    "n02131653": _declare(
        snout=0.4, leg=0.35, tail=0.0, ear_round=1.0, ear=0.3, girth=0.9, shag=0.7
    ),  # bear
    "n02370806": _declare(
        snout=0.75, leg=0.85, tail=0.45, neck=0.7, ear=0.35, ear_drop=0.2, hoof=1.0, horn=0.0
    ),
    "n02399000": _declare(horn=0.6, girth=0.75, neck=0.35, tail=0.4),  # ruminant
    "n02402425": _declare(pattern="patches", contrast=0.8, girth=0.9, leg=0.6),  # cattle
    "n01887787": _declare(
        "quadruped", FUR, "patches", snout=0.75, leg=0.6, tail=0.5, horn=0.4, hoof=1.0, girth=0.9
    ),
    "n02411705": _declare(
        shag=1.0, fleece=1.0, light=0.95, chroma=0.3, leg=0.4, pattern="plain", horn=0.5
    ),  # sheep
    "n02374149": _declare(
        mane=0.55, neck=0.9, leg=0.9, tail=0.8, tail_up=0.1, plume=0.9, horn=0.0
    ),  # equine
    "n02374451": _declare(pattern="plain", hue=0.1, light=0.3, chroma=0.9),  # horse
    "n02391049": _declare(
        pattern="stripes", light=1.0, chroma=0.0, contrast=1.0, second_light=0.0, frequency=0.95
    ),  # zebra
    "n02395003": _declare(leg=0.25, girth=0.9, tail=0.15, neck=0.05, hue=0.0, snout=0.8),  # swine
    "n02503517": _declare(
        leg=0.55, girth=1.0, ear=1.0, ear_drop=1.0, snout=1.0, chroma=0.0, pattern="plain"
    ),
    "n02329401": _declare(leg=0.05, girth=0.7, trunk=0.3, snout=0.3, tail=0.6),  # rodent
    "n02323449": _declare(leg=0.2, ear=1.0, ear_drop=0.0, trunk=0.3, tail=0.0),  # lagomorph
    "n02062017": _declare("fish", GREY, "belly", slender=0.6, fork=0.4),  # aquatic mammal
    # Birds
    "n01503061": _declare(
        "bird",
        VIVID,
        "wing",
        leg=0.3,
        neck=0.15,
        beak=0.2,
        crest=0.0,
        light=0.45,
        accent_hue=0.15,
        hook=0.0,
        flat=0.0,
        upright=0.0,
    ),
    "n01524359": _declare(plump=0.65, beak=0.15, tail=0.4),  # passerine
    "n01531178": _declare(
        hue=0.29, chroma=1.0, light=0.85, second_light=0.1, contrast=1.0
    ),  # goldfinch
    "n01558993": _declare(
        pattern="bib", hue=0.68, chroma=0.05, light=0.2, second_hue=0.11, contrast=1.0
    ),  # robin
    "n01580077": _declare(hue=0.66, chroma=0.7, crest=0.4, tail=0.7),  # jay
    "n01816887": _declare(hook=1.0, tail=0.9, beak=0.15, chroma=0.95, leg=0.1),  # parrot
    "n01818515": _declare(
        hue=0.08, second_hue=0.68, pattern="wing", contrast=1.0, light=0.4, chroma=1.0
    ),  # macaw
    "n01845132": _declare(neck=0.6, leg=0.1, flat=1.0, beak=0.2, plump=0.7, tail=0.2),  # waterfowl
    "n01847000": _declare(
        pattern="hood", second_hue=0.42, second_light=0.3, contrast=1.0, neck=0.35, chroma=0.1
    ),
    "n01855672": _declare(
        neck=0.9, chroma=0.08, light=0.75, contrast=0.5, beak=0.15, pattern="wing", leg=0.1
    ),  # goose
    "n02000954": _declare(leg=1.0, neck=0.9, beak=0.7, plump=0.3),  # wading bird
    "n01604330": _declare(hook=1.0, hue=0.17, chroma=0.3, light=0.2, plump=0.5),  # bird of prey
    "n02055658": _declare(
        leg=0.0, upright=1.0, pattern="belly", light=0.05, second_light=1.0
    ),  # penguin
    # Fish, reptiles, insects and other animals
    "n01473806": _declare("fish", VIVID, "belly", slender=0.4, fork=0.5),
    "n01443537": _declare(
        hue=0.14, chroma=1.0, light=0.6, pattern="plain", fork=0.9, slender=0.2
    ),  # goldfish
    "n02607072": _declare(
        hue=0.12, chroma=1.0, pattern="bands", second_light=1.0, contrast=1.0, slender=0.15
    ),
    "n01480516": _declare(
        palette=GREY, slender=0.85, dorsal=0.95, pattern="belly", contrast=0.8, hue=0.66
    ),
    "n01627424": _declare("lizard", VIVID, "spots", tail=0.5, hue=0.3, chroma=0.3, light=0.4),
    "n01639765": _declare(tail=0.0, girth=1.0, hue=0.36),  # frog
    "n01661091": _declare("lizard", VIVID, "spots", hue=0.33, chroma=0.4, light=0.4),
    "n01726692": _declare("snake", VIVID, "bands", hue=0.26, chroma=0.3, light=0.45, contrast=0.8),
    "n01662622": _declare("turtle", VIVID, "spots", hue=0.33, chroma=0.3, light=0.3),
    "n01905661": _declare("radial", VIVID, "spots"),
    "n01922303": _declare("snake", VIVID, "plain", hue=0.05),  # worm
    "n01767661": _declare("insect", VIVID, "bands", light=0.3),
    "n01772222": _declare(legs=1.0, light=0.15, chroma=0.3),  # spider
    "n01974773": _declare(claw=1.0, hue=0.08, light=0.4, chroma=0.8),  # crustacean
    "n02165456": _declare(
        pattern="spots", hue=0.08, chroma=1.0, contrast=1.0, second_light=0.0
    ),  # ladybug
    "n02274024": _declare("butterfly", VIVID, "spots", contrast=0.9),
    "n02279972": _declare(
        hue=0.14, chroma=1.0, pattern="veins", second_light=0.0, contrast=1.0
    ),  # monarch
    "n02280649": _declare(
        light=1.0, chroma=0.1, pattern="spots", second_light=0.1
    ),  # cabbage butterfly
    "n02268148": _declare("butterfly", VIVID, "veins", slim=1.0, hue=0.55),  # odonate
    # Plants, food, nature
    "n12992868": _declare("mushroom", EARTH, "spots"),
    "n00017222": _declare("flower", VIVID, "plain", light=0.7, chroma=0.8),
    "n11939491": _declare(light=1.0, chroma=0.03, petals=0.9, pattern="plain"),  # daisy
    "n13086908": _declare(
        "fruit", VIVID, "spots", chroma=0.9, hue=0.2, tip=0.0, taper=0.0, bend=0.0, crown=0.0
    ),
    "n07705711": _declare(
        "fruit", VIVID, "plain", hue=0.33, chroma=0.6, tip=0.0, taper=0.0, bend=0.0, crown=0.0
    ),
    "n07749582": _declare(
        hue=0.27, light=0.95, chroma=0.95, tip=0.9, long=0.55, pattern="plain"
    ),  # lemon
    "n07747607": _declare(
        hue=0.17, light=0.7, chroma=1.0, tip=0.0, long=0.3, pattern="plain", taper=0.0
    ),  # orange
    "n07745940": _declare(
        hue=0.06,
        light=0.35,
        chroma=1.0,
        taper=1.0,
        crown=1.0,
        long=0.55,
        frequency=1.0,
        pattern="spots",
        second_light=0.9,
    ),
    "n07753592": _declare(hue=0.27, long=1.0, bend=1.0),  # banana
    "n00021265": _declare("dish", EARTH, "spots"),
    "n07555863": _declare("dish", EARTH, "spots"),
    "n09287968": _declare("landform", EARTH, "strata"),
    "n00019128": _declare("landform", EARTH, "strata"),
    # Vehicles
    "n04576211": _declare(
        "car", VIVID, "plain", long=0.4, high=0.5, chroma=0.6, open=0.0, sign=0.0
    ),
    "n02958343": _declare(long=0.5, high=0.3, cabin=0.5, hood=0.5, nose=0.5),  # car
    "n04285008": _declare(
        pattern="plain", high=0.02, long=0.7, hue=0.07, chroma=0.95, light=0.35, nose=0.9
    ),  # sports car
    "n03100240": _declare(pattern="belly", open=1.0, high=0.15, light=0.65),  # convertible
    "n02930766": _declare(
        hue=0.24, light=0.9, chroma=1.0, sign=1.0, pattern="checker", second_light=0.0
    ),  # cab
    "n03594945": _declare(
        high=0.75, long=0.15, pattern="plain", hue=0.36, light=0.25, chroma=0.4, nose=0.0, rack=1.0
    ),  # jeep
    "n04490091": _declare("truck", VIVID, "plain", long=0.6, high=0.6),
    "n03345487": _declare(
        hue=0.07, light=0.35, chroma=1.0, second_hue=0.07, second_light=0.4, ladder=1.0, sign=1.0
    ),  # fire engine
    "n03930630": _declare(bed=1.0, high=0.3, hue=0.66),  # pickup
    "n04520170": _declare("truck", VIVID, "plain", high=0.8),  # van
    "n02924116": _declare("bus", VIVID, "plain", long=0.7, high=0.7, hood=0.0),
    "n04146614": _declare(hue=0.22, light=0.8, chroma=1.0, hood=1.0),  # school bus
    "n03769881": _declare(pattern="belly", long=0.1, high=0.6, light=0.7, chroma=0.5),  # minibus
    "n04468005": _declare("train", VIVID, "belly", long=1.0, contrast=0.7, funnel=0.0),
    "n02917067": _declare(
        nose=1.0, light=0.95, chroma=0.1, second_hue=0.68, pattern="belly"
    ),  # bullet train
    "n03684823": _declare("train", VIVID, "plain", nose=0.1, funnel=0.8),  # locomotive
    "n02834778": _declare("cycle", VIVID, "plain", motor=0.0, chroma=0.9),
    "n03790512": _declare("cycle", VIVID, "plain", motor=1.0, chroma=0.9),
    "n03125870": _declare("boat", VIVID, "belly"),  # craft
    "n02686568": _declare("aircraft", PALE, "belly", light=0.9, engines=0.0),
    "n04552598": _declare(
        palette=GREY, swept=1.0, long=0.3, light=0.4, pattern="patches", hue=0.3
    ),  # warplane
    "n02690373": _declare(swept=0.4, long=0.9, light=1.0, chroma=0.05, engines=1.0),  # airliner
    "n03666917": _declare("ball", VIVID, "bands", basket=1.0),  # lighter-than-air craft
    "n04530566": _declare("boat", VIVID, "belly", mast=0.0, cabin=0.6, contrast=0.8, rise=0.0),
    "n02858304": _declare(cabin=0.4, long=0.5),  # boat
    "n04244997": _declare(cabin=0.0, deep=0.2),  # small boat
    "n04273569": _declare(cabin=0.7, nose=1.0, light=0.95, chroma=0.1, deep=0.4),  # speedboat
    "n02951358": _declare(cabin=0.0, deep=0.0, mast=0.0, long=0.9, palette=WOOD, rise=1.0),  # canoe
    "n04612504": _declare(mast=1.0, sail=0.8, deep=0.3),  # yawl
    "n04128837": _declare(mast=1.0, sail=0.6, cabin=0.0),  # sailing vessel
    "n04552696": _declare("boat", GREY, "plain", mast=0.3, cabin=0.9),  # warship
    # Furniture, vessels, instruments, devices, other artefacts
    "n00021939": _declare("gadget", VIVID, "plain"),
    "n03405725": _declare("device", WOOD, "plain", screen=0.0, drawers=0.9, tall=0.6, chroma=0.6),
    "n04161981": _declare("chair", WOOD, "plain", back=0.6, cross=0.0, rocker=0.0),
    "n03001627": _declare(back=0.7),
    "n04099969": _declare(rocker=1.0, slats=1.0, light=0.3, arm=0.9),  # rocking chair
    "n03376595": _declare(palette=VIVID, cross=1.0, arm=0.0, slats=0.0, light=0.5),  # folding chair
    "n04256520": _declare("sofa", VIVID, "plain", chroma=0.4),
    "n02818832": _declare("sofa", VIVID, "stripes"),
    "n04379243": _declare("table", WOOD, "plain"),
    "n04379964": _declare("table", WOOD, "plain"),
    "n03201208": _declare("table", WOOD, "plain", long=0.8, cloth=0.6),  # dining table
    "n03094503": _declare(
        "vessel",
        VIVID,
        "bands",
        handle=0.0,
        neck=0.2,
        spout=0.0,
        lid=0.0,
        flare=0.0,
        label=0.0,
        glass=0.0,
    ),
    "n02773037": _declare("garment", EARTH, "plain", sleeve=0.0),  # bag
    "n02883344": _declare("device", EARTH, "plain", screen=0.0, drawers=0.2),  # box
    "n02876657": _declare(
        neck=0.95, tall=0.9, label=0.9, handle=0.0, glass=1.0, pattern="plain", palette=VIVID
    ),
    "n04591713": _declare(tall=1.0, hue=0.4, light=0.1, chroma=0.4, shoulder=0.8),  # wine bottle
    "n02823428": _declare(tall=0.75, hue=0.13, light=0.15, chroma=0.5, shoulder=0.3),  # beer bottle
    "n03797390": _declare(handle=1.0, tall=0.2, neck=0.0, bulge=0.3, label=0.0),  # mug
    "n03063599": _declare(light=0.9, chroma=0.5, handle=1.0, pattern="bands"),  # coffee mug
    "n04522168": _declare(
        bulge=1.0, neck=0.6, tall=0.65, chroma=0.8, flare=1.0, pattern="bands"
    ),  # vase
    "n03990474": _declare(
        "vessel",
        PALE,
        "bands",
        flare=0.0,
        glass=0.0,
        label=0.0,
        spout=0.0,
        lid=0.2,
        handle=0.9,
        bulge=0.9,
        tall=0.15,
    ),  # pot
    "n04398044": _declare(
        handle=1.0, spout=1.0, lid=1.0, bulge=1.0, tall=0.25, neck=0.2, light=0.85
    ),  # teapot
    "n03800933": _declare("gadget", WOOD, "plain"),
    "n04338517": _declare(
        "guitar", WOOD, "plain", horn=0.0, scroll=0.0, waist=0.6, chroma=0.9, hue=0.5
    ),  # stringed instrument
    "n02676566": _declare(hole=1.0, horn=0.0, hue=0.7, light=0.7),  # acoustic guitar
    "n03272010": _declare(palette=VIVID, hole=0.0, horn=1.0, chroma=0.9),  # electric guitar
    "n04536866": _declare(hole=0.4, waist=1.0, scroll=1.0, neck=0.1, light=0.3, hue=0.1),  # violin
    "n03614532": _declare("device", WOOD, "plain", keys=1.0, screen=0.0, drawers=0.0, light=0.1),
    "n04586932": _declare("tool", EARTH, "plain", flare=0.9),  # wind instrument
    "n03915437": _declare("vessel", VIVID, "bands", neck=0.0),  # percussion instrument
    "n03183080": _declare("device", GREY, "plain", screen=0.3),
    "n03278248": _declare("device", GREY, "plain", screen=0.7, tall=0.4),
    "n03782006": _declare(
        screen=1.0, tall=0.4, stand=1.0, light=0.1, drawers=0.0, dials=0.0
    ),  # monitor
    "n02729837": _declare("device", PALE, "plain", dials=0.8, door=0.9),  # appliance
    "n02778669": _declare("ball", VIVID, "bands", basket=0.0),
    "n03563967": _declare("tool", EARTH, "plain"),
    "n04565375": _declare("tool", GREY, "plain"),
    "n04447443": _declare("vessel", PALE, "bands", tall=0.6),
    "n03051540": _declare("garment", VIVID, "plain", sleeve=0.6),
    "n03122748": _declare("garment", VIVID, "plain", sleeve=0.0),
    "n03309808": _declare("garment", VIVID, "stripes", sleeve=0.0),
    "n04341686": _declare("building", EARTH, "plain", light=0.7),
    "n04460130": _declare("building", EARTH, "bands", tall=1.0),
}
