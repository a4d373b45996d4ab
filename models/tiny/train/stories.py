"""The sentences that word problems are made of: families of domains, each with training and held-out templates.

A template is the whole skeleton of a sentence. Held-out templates never occur in training; their words do, in other
sentences that mean the same operation, because a model this small cannot know a word it never saw.

Placeholders: {N} the person, {Q} another person, {P}/{p} the person's pronoun, {n} an amount, {k} a small count,
{o} the things counted, {c} what they come in.
"""

from dataclasses import dataclass

# Names as (feminine, masculine). Held-out names never occur in training.
TRAIN_NAMES = (
    ("Ana Mia Zoe Eva Lena Ruth Nora Iris Maya Sara Emma Lucy Anna Rosa Clara Alice Julia Helen Marta Diana "
     "Carla Elena Greta Hanna Irma Jana Karin Laura Monica Nina Olga Paula Rita Sofia Tina Vera").split(),
    ("Tom Ben Max Leo Sam Paul Omar Ivan Noah Finn Adam Carl David Erik Frank Georg Hugo Igor Jack Karl "
     "Lars Mark Nick Oscar Peter Ralf Simon Theo Viktor Walter Alan Bruno Colin Dennis Elias Felix").split(),
)
HELD_OUT_NAMES = (
    "Amelia Bianca Carmen Dora Esther Fiona Gloria Ines Lydia Miriam".split(),
    "Anton Boris Cyrus Dominik Edgar Gustav Henry Jonas Marvin Oliver".split(),
)

# How a sentence changes the count x, in the order its operations are carried out.
#   have: x = n | fill: x = k * n | sum: x = n + k | add: x + n | take: x - n | grow: x * k
#   add_groups: x + k * n | take_groups: x - k * n
STARTS = ("have", "fill", "sum")
EVENTS = ("add", "take", "grow", "add_groups", "take_groups")


@dataclass(frozen=True)
class Templates:
    """Sentences of one kind: those for training and those held out."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Domains that share sentences. `things`: (containers, objects) choices; `sentences`: kind -> Templates."""

    name: str
    things: tuple[tuple[str, str], ...]
    sentences: dict[str, Templates]
    questions: Templates


def _things(*groups: str) -> tuple[tuple[str, str], ...]:
    return tuple((c, o) for g in groups for c, rest in [g.split(": ")] for o in rest.split())


OBJECTS = Family(
    name="objects",
    things=_things(
        "trays: muffins rolls cakes pies",
        "crates: eggs apples pears carrots",
        "boxes: pencils books crayons erasers",
        "rows: roses tulips seeds plants",
        "bags: marbles cards blocks stickers",
        "buckets: shells stones pebbles crabs",
        "jars: nails screws bolts coins",
    ),
    sentences={
        "have": Templates(
            ("{N} has {n} {o}.", "{N} starts with {n} {o}.", "At first {N} has {n} {o}.",
             "There are {n} {o} on the table of {N}."),
            ("At first there are {n} {o} on the table of {N}.", "On Monday {N} starts with {n} {o}."),
        ),
        "fill": Templates(
            ("{N} has {k} {c} with {n} {o} in each.", "{N} fills {k} {c} with {n} {o} each.",
             "At first {N} has {k} {c} of {n} {o} each.", "There are {k} {c} with {n} {o} in each on the table of {N}."),
            ("At first {N} fills {k} {c} with {n} {o} in each.", "{N} starts with {k} {c} of {n} {o} each."),
        ),
        "sum": Templates(
            ("{N} has {n} {o} and {Q} adds {k} more.", "{N} finds {n} {o} on Monday and {k} {o} on Tuesday.",
             "{N} has {n} {o} at home and {k} {o} at school.", "{N} has {n} {o} and buys {k} more."),
            ("{N} has {n} {o} at home and buys {k} {o} on Tuesday.", "{N} finds {n} {o} at home and {Q} adds {k} more."),
        ),
        "add": Templates(
            ("{P} buys {n} more {o}.", "A friend gives {N} {n} {o}.", "Then {p} finds {n} more {o}.",
             "{Q} brings {n} more {o}.", "On Monday {p} gets {n} {o} from {Q}.", "Later {N} picks up another {n} {o}.",
             "{Q} adds {n} {o}.", "In the evening {p} makes {n} more {o}.", "Then {N} buys another {n} {o}."),
            ("On Monday {Q} brings another {n} {o}.", "Later {p} makes {n} more {o}.",
             "In the evening {N} finds another {n} {o}."),
        ),
        "take": Templates(
            ("{P} gives {n} {o} to {Q}.", "Then {p} loses {n} {o}.", "{N} sells {n} of the {o}.",
             "{Q} takes {n} {o} away.", "On Friday {p} uses up {n} {o}.", "Later {n} of the {o} break.",
             "{N} throws {n} {o} away.", "In the evening {n} {o} are missing.", "On Tuesday {p} sells {n} {o} to {Q}."),
            ("Later {Q} takes {n} of the {o} away.", "On Friday {N} loses {n} of the {o}.",
             "In the evening {p} gives {n} {o} to {Q}."),
        ),
        "grow": Templates(
            ("Then the number of {o} grows {k} times.", "Then {p} has {k} times as many {o}.",
             "Every one of the {o} is swapped for {k} new {o}.", "By the next day there are {k} times as many {o}.",
             "{N} makes the number of {o} {k} times as large."),
            ("By the next day the number of {o} grows {k} times.", "Later {N} has {k} times as many {o}."),
        ),
        "add_groups": Templates(
            ("{P} buys {k} more {c} with {n} {o} in each.", "{Q} brings {k} {c} of {n} {o} each.",
             "Then {k} friends give {N} {n} {o} each.", "{N} finds {k} {c} with {n} {o} in each.",
             "On Tuesday {p} adds {k} more {c} of {n} {o} each."),
            ("Later {Q} brings {k} more {c} with {n} {o} in each.", "On Tuesday {N} buys {k} {c} of {n} {o} each."),
        ),
        "take_groups": Templates(
            ("{P} gives {n} {o} to each of {k} friends.", "Then {k} people take {n} {o} each.",
             "{N} sells {k} {c} with {n} {o} in each.", "On Friday {Q} takes away {k} {c} of {n} {o} each.",
             "Later {N} gives {n} {o} to each of {k} children."),
            ("Then {k} children take {n} {o} each.", "On Friday {N} sells {k} {c} of {n} {o} each."),
        ),
    },
    questions=Templates(
        ("How many {o} does {N} have now?", "How many {o} are there in the end?", "How many {o} does {N} have left?",
         "What is the number of {o} now?"),
        ("How many {o} does {N} have in the end?", "How many {o} are there now?"),
    ),
)

MONEY = Family(
    name="money",
    things=(("tickets", "dollars"), ("books", "dollars"), ("cakes", "dollars"), ("toys", "dollars")),
    sentences={
        "have": Templates(
            ("{N} has {n} dollars.", "{N} starts with {n} dollars.", "At first {N} has {n} dollars in the bank.",
             "There are {n} dollars in the bank for {N}."),
            ("At first there are {n} dollars in the bank for {N}.", "On Monday {N} has {n} dollars in the bank."),
        ),
        "fill": Templates(
            ("{N} works {k} hours for {n} dollars each.", "{N} sells {k} {c} for {n} dollars each.",
             "{N} gets {n} dollars from each of {k} friends.", "At first {N} gets {n} dollars for each of {k} hours."),
            ("At first {N} sells {k} {c} for {n} dollars each.", "{N} gets {n} dollars for each of {k} {c}."),
        ),
        "sum": Templates(
            ("{N} earns {n} dollars on Monday and {k} dollars on Tuesday.", "{N} has {n} dollars and {Q} adds {k} more.",
             "{N} has {n} dollars at home and {k} dollars in the bank.", "{N} has {n} dollars and earns {k} more."),
            ("{N} has {n} dollars at home and earns {k} dollars on Tuesday.",
             "{N} earns {n} dollars and {Q} adds {k} more."),
        ),
        "add": Templates(
            ("{P} earns {n} dollars.", "{Q} gives {N} {n} dollars.", "Then {p} finds {n} dollars.",
             "On Monday {p} gets {n} dollars from {Q}.", "Later {N} earns another {n} dollars.",
             "In the evening {Q} adds {n} dollars.", "{N} saves {n} more dollars."),
            ("On Monday {p} earns another {n} dollars.", "Later {Q} adds {n} more dollars.",
             "In the evening {N} gets {n} dollars."),
        ),
        "take": Templates(
            ("{P} spends {n} dollars.", "Then {p} pays {n} dollars to {Q}.", "{N} loses {n} dollars.",
             "On Friday {p} gives {n} dollars to {Q}.", "Later {Q} takes {n} dollars away.",
             "In the evening {n} dollars are missing.", "{N} pays a bill of {n} dollars."),
            ("On Friday {N} spends {n} dollars.", "Later {p} pays a bill of {n} dollars.",
             "In the evening {N} pays {n} dollars to {Q}."),
        ),
        "grow": Templates(
            ("Then the money grows {k} times.", "Then {p} has {k} times as many dollars.",
             "{N} makes the money {k} times as much.", "By the next day there are {k} times as many dollars."),
            ("By the next day the money grows {k} times.", "Later {N} has {k} times as many dollars."),
        ),
        "add_groups": Templates(
            ("{P} works {k} hours for {n} dollars each.", "{N} sells {k} {c} for {n} dollars each.",
             "Then {k} friends give {N} {n} dollars each.", "Later {p} gets {n} dollars from each of {k} people.",
             "On Tuesday {N} earns {n} dollars in each of {k} hours."),
            ("Then {p} sells {k} {c} for {n} dollars each.", "On Tuesday {N} works {k} hours for {n} dollars each."),
        ),
        "take_groups": Templates(
            ("{P} buys {k} {c} for {n} dollars each.", "{N} gives {n} dollars to each of {k} friends.",
             "Then {p} pays {n} dollars to each of {k} people.", "On Friday {N} spends {n} dollars on each of {k} {c}."),
            ("On Friday {p} buys {k} {c} for {n} dollars each.", "Then {N} gives {n} dollars to each of {k} people."),
        ),
    },
    questions=Templates(
        ("How many dollars does {N} have now?", "How many dollars are there in the end?",
         "How many dollars does {N} have left?", "How much money does {N} have in the end?"),
        ("How many dollars does {N} have in the end?", "How much money does {N} have now?"),
    ),
)

GAME = Family(
    name="game",
    things=(("rounds", "points"), ("games", "points"), ("levels", "points")),
    sentences={
        "have": Templates(
            ("{N} has {n} points.", "{N} starts with {n} points.", "At first {N} has {n} points in the game.",
             "{N} opens the game with {n} points."),
            ("At first {N} starts with {n} points in the game.", "On Monday {N} opens the game with {n} points."),
        ),
        "fill": Templates(
            ("{N} wins {k} {c} with {n} points in each.", "{N} scores {n} points in each of {k} {c}.",
             "At first {N} wins {k} {c} of {n} points each."),
            ("At first {N} scores {n} points in each of {k} {c}.", "{N} starts with {k} {c} of {n} points each."),
        ),
        "sum": Templates(
            ("{N} scores {n} points on Monday and {k} points on Tuesday.", "{N} has {n} points and {Q} adds {k} more.",
             "{N} has {n} points and wins {k} more."),
            ("{N} has {n} points and scores {k} points on Tuesday.", "{N} scores {n} points and {Q} adds {k} more."),
        ),
        "add": Templates(
            ("{P} scores {n} points.", "{Q} gives {N} {n} points.", "Then {p} wins {n} more points.",
             "A bonus adds {n} points.", "On Monday {p} gets {n} points from {Q}.", "Later {N} scores another {n} points.",
             "In the evening {p} wins {n} points."),
            ("On Monday {N} wins another {n} points.", "Later a bonus adds {n} more points.",
             "In the evening {N} scores {n} points."),
        ),
        "take": Templates(
            ("{P} loses {n} points.", "{Q} takes {n} points away.", "Then a mistake costs {n} points.",
             "On Friday {p} gives {n} points to {Q}.", "Later {N} pays {n} points for a hint.",
             "In the evening {N} loses {n} of the points."),
            ("On Friday a mistake costs {n} points.", "Later {p} loses {n} of the points.",
             "In the evening {Q} takes {n} points away."),
        ),
        "grow": Templates(
            ("Then the number of points grows {k} times.", "Then {p} has {k} times as many points.",
             "A bonus makes the number of points {k} times as large.", "By the next day there are {k} times as many points."),
            ("By the next day the number of points grows {k} times.", "Later a bonus makes it {k} times as many points."),
        ),
        "add_groups": Templates(
            ("{P} wins {k} {c} with {n} points in each.", "{N} scores {n} points in each of {k} {c}.",
             "Then {k} friends give {N} {n} points each.", "On Tuesday {p} wins {k} more {c} of {n} points each."),
            ("On Tuesday {N} scores {n} points in each of {k} {c}.", "Then {p} wins {k} {c} of {n} points each."),
        ),
        "take_groups": Templates(
            ("{P} loses {n} points in each of {k} {c}.", "{N} gives {n} points to each of {k} friends.",
             "Then {k} mistakes cost {n} points each.", "On Friday {p} pays {n} points for each of {k} hints."),
            ("On Friday {k} mistakes cost {n} points each.", "Then {N} loses {n} points in each of {k} {c}."),
        ),
    },
    questions=Templates(
        ("How many points does {N} have now?", "How many points are there in the end?",
         "How many points does {N} have left?", "What is the number of points now?"),
        ("How many points does {N} have in the end?", "How many points are there now?"),
    ),
)

WATER = Family(
    name="water",
    things=(("buckets", "litres"), ("bottles", "litres"), ("cans", "litres")),
    sentences={
        "have": Templates(
            ("The tank of {N} holds {n} litres.", "{N} has a tank with {n} litres in it.",
             "At first the tank of {N} holds {n} litres.", "There are {n} litres in the tank of {N}."),
            ("At first there are {n} litres in the tank of {N}.", "On Monday the tank of {N} holds {n} litres."),
        ),
        "fill": Templates(
            ("{N} fills the tank with {k} {c} of {n} litres each.", "{N} pours {k} {c} with {n} litres in each into the tank.",
             "At first {N} fills the tank with {k} {c} of {n} litres each."),
            ("At first {N} pours {k} {c} of {n} litres each into the tank.",
             "{N} fills the tank with {k} {c} with {n} litres in each."),
        ),
        "sum": Templates(
            ("The tank of {N} holds {n} litres and {Q} adds {k} more.",
             "{N} pours {n} litres into the tank on Monday and {k} litres on Tuesday.",
             "The tank of {N} holds {n} litres and the rain adds {k} litres."),
            ("{N} pours {n} litres into the tank and {Q} adds {k} more.",
             "The tank of {N} holds {n} litres and the rain adds {k} litres on Tuesday."),
        ),
        "add": Templates(
            ("{P} pours in {n} more litres.", "The rain adds {n} litres.", "Then {Q} pours another {n} litres into the tank.",
             "On Monday {p} adds {n} litres.", "Later {N} adds another {n} litres.",
             "In the evening {n} more litres flow in."),
            ("On Monday the rain adds {n} more litres.", "Later {Q} pours in another {n} litres.",
             "In the evening {N} pours in {n} litres."),
        ),
        "take": Templates(
            ("{P} uses {n} litres.", "Then {n} litres leak away.", "{Q} takes {n} litres out of the tank.",
             "On Friday {p} takes out {n} litres.", "Later {N} gives {n} litres to {Q}.",
             "In the evening {n} litres flow out."),
            ("On Friday {n} litres leak away.", "Later {N} takes {n} litres out of the tank.",
             "In the evening {p} uses {n} litres."),
        ),
        "grow": Templates(
            ("Then the water grows {k} times.", "Then the tank holds {k} times as many litres.",
             "The rain makes the water {k} times as much.", "By the next day there are {k} times as many litres."),
            ("By the next day the water grows {k} times.", "Later the tank holds {k} times as many litres."),
        ),
        "add_groups": Templates(
            ("{P} pours in {k} {c} of {n} litres each.", "{Q} adds {k} more {c} with {n} litres in each.",
             "Then {k} friends add {n} litres each.", "On Tuesday {N} pours in {k} more {c} of {n} litres each."),
            ("On Tuesday {Q} adds {k} more {c} of {n} litres each.", "Then {k} people add {n} litres each."),
        ),
        "take_groups": Templates(
            ("{P} takes out {k} {c} of {n} litres each.", "{N} gives {n} litres to each of {k} friends.",
             "Then {k} people take {n} litres each.", "On Friday {Q} fills {k} {c} from the tank with {n} litres in each."),
            ("On Friday {p} takes out {k} {c} of {n} litres each.", "Then {k} friends take {n} litres each."),
        ),
    },
    questions=Templates(
        ("How many litres are in the tank now?", "How many litres are there in the end?",
         "How many litres does {N} have left?", "How much water is in the tank in the end?"),
        ("How many litres are in the tank in the end?", "How much water does {N} have now?"),
    ),
)

# Objects come up most often: the family has seven domains, the others one each.
FAMILIES: tuple[tuple[Family, float], ...] = ((OBJECTS, 0.55), (MONEY, 0.15), (GAME, 0.15), (WATER, 0.15))
