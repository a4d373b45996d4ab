"""The sentences that word problems are made of: families of domains, each with training and held-out templates.

A training template is a core ("{S} buys {n} more {o}.") that any opening may precede ("Later"), with the person named
or as a pronoun at {S}. A held-out template is a whole sentence, opening and all: neither it nor its core occurs in
training. Its words do, in other sentences of the family, because a model this small cannot know a word it never saw,
and no two neighbouring words of it speak for another operation: a pair that training knows, it knows from this kind of
sentence too. (Without that rule some held-out sentences were riddles: "has 5 eggs at home" promises "and 7 at school".)

Placeholders: {S} the person, named or not, {N} the person's name, {p} the pronoun, {Q} another person, {n} an amount,
{k} a small count, {o} the things counted, {c} what they come in.
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

# Training also makes names up from these, so that a name may be any few pieces of a word.
SYLLABLES = ("ba bel bi can co da den do el fa fi go ha hel in jo ka ki la len li lo ma mi mon na ni no or pa pe ra ri ro "
             "sa si so ta te ti to va vi wen wi za").split()
MADE_UP_SHARE = 0.5

# What may come before a sentence in training.
START_OPENINGS = ("", "At first", "On Monday")
EVENT_OPENINGS = ("", "Then", "Later", "On Monday", "On Tuesday", "On Friday", "In the evening", "By the next day")

# How a sentence changes the count x, in the order its operations are carried out.
#   have: x = n | fill: x = k * n | sum: x = n + k | add: x + n | take: x - n | grow: x * k
#   add_groups: x + k * n | take_groups: x - k * n
STARTS = ("have", "fill", "sum")
EVENTS = ("add", "take", "grow", "add_groups", "take_groups")


@dataclass(frozen=True)
class Templates:
    """Sentences of one kind: cores for training and whole sentences held out."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Domains that share sentences. `things`: (containers, objects) choices; `sentences`: kind -> Templates."""

    name: str
    things: tuple[tuple[str, str], ...]
    sentences: dict[str, Templates]
    questions: Templates

    @property
    def held_out(self) -> frozenset[str]:
        """Every held-out sentence of the family, whatever its kind."""
        return frozenset(t for templates in self.sentences.values() for t in templates.held_out)


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
            ("{S} has {n} {o}.", "{S} starts with {n} {o}.", "There are {n} {o} on the table of {N}."),
            ("On Monday {N} has {n} {o} on the table.",),
        ),
        "fill": Templates(
            ("{S} has {k} {c} with {n} {o} in each.", "{S} fills {k} {c} with {n} {o} each.",
             "{S} has {k} {c} of {n} {o} each.", "There are {k} {c} with {n} {o} in each on the table of {N}."),
            ("At first {N} fills {k} {c} with {n} {o} in each.", "On Monday {N} has {k} {c} of {n} {o} in each."),
        ),
        "sum": Templates(
            ("{S} has {n} {o} and {Q} adds {k} more.", "{S} finds {n} {o} on Monday and {k} {o} on Tuesday.",
             "{S} has {n} {o} at home and {k} {o} at school.", "{S} has {n} {o} and buys {k} more."),
            ("{N} has {n} {o} at home and buys {k} {o} on Tuesday.", "{N} finds {n} {o} at home and {Q} adds {k} more."),
        ),
        "add": Templates(
            ("{S} buys {n} more {o}.", "A friend gives {N} {n} {o}.", "{S} finds {n} more {o}.",
             "{Q} brings {n} more {o}.", "{S} gets {n} {o} from {Q}.", "{S} picks up another {n} {o}.",
             "{Q} adds {n} {o}.", "{S} makes {n} more {o}.", "{S} buys another {n} {o}."),
            ("On Monday {Q} brings another {n} {o}.", "Later {p} makes another {n} {o}.",
             "In the evening {N} finds another {n} {o}."),
        ),
        "take": Templates(
            ("{S} gives {n} {o} to {Q}.", "{S} loses {n} {o}.", "{S} sells {n} of the {o}.",
             "{Q} takes {n} {o} away.", "{S} uses up {n} {o}.", "{n} of the {o} break.",
             "{S} throws {n} {o} away.", "{n} {o} are missing.", "{S} sells {n} {o} to {Q}.",
             "{S} sells another {n} {o}.", "{Q} takes another {n} {o}."),
            ("Later {Q} takes {n} of the {o} away.", "On Friday {N} loses {n} of the {o}.",
             "In the evening {p} gives {n} of the {o} to {Q}."),
        ),
        "grow": Templates(
            ("The number of {o} grows {k} times.", "{S} has {k} times as many {o}.",
             "Every one of the {o} is swapped for {k} new {o}.", "There are {k} times as many {o}.",
             "{S} makes the number of {o} {k} times as large.",
             "The number of {o} is now {k} times as large as before.", "{S} has {k} times the {o}."),
            ("By the next day the number of {o} is {k} times as large.", "Later {N} has {k} times the number of {o}."),
        ),
        "add_groups": Templates(
            ("{S} buys {k} more {c} with {n} {o} in each.", "{Q} brings {k} {c} of {n} {o} each.",
             "{k} friends give {N} {n} {o} each.", "{S} finds {k} {c} with {n} {o} in each.",
             "{S} adds {k} more {c} of {n} {o} each."),
            ("Later {Q} brings {k} more {c} with {n} {o} in each.", "On Tuesday {N} buys {k} {c} of {n} {o} each."),
        ),
        "take_groups": Templates(
            ("{S} gives {n} {o} to each of {k} friends.", "{k} people take {n} {o} each.",
             "{S} sells {k} {c} with {n} {o} in each.", "{Q} takes away {k} {c} of {n} {o} each.",
             "{S} gives {n} {o} to each of {k} children."),
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
            ("{S} has {n} dollars.", "{S} starts with {n} dollars.", "{S} has {n} dollars in the bank.",
             "There are {n} dollars in the bank for {N}."),
            ("On Monday {N} starts with {n} dollars in the bank.",),
        ),
        "fill": Templates(
            ("{S} works {k} hours for {n} dollars each.", "{S} sells {k} {c} for {n} dollars each.",
             "{S} gets {n} dollars from each of {k} friends.", "{S} gets {n} dollars for each of {k} hours."),
            ("At first {N} sells {k} {c} and gets {n} dollars for each.",),
        ),
        "sum": Templates(
            ("{S} earns {n} dollars on Monday and {k} dollars on Tuesday.",
             "{S} has {n} dollars and {Q} adds {k} more.",
             "{S} has {n} dollars at home and {k} dollars in the bank.", "{S} has {n} dollars and earns {k} more."),
            ("{N} has {n} dollars at home and earns {k} dollars on Tuesday.",
             "{N} earns {n} dollars and {Q} adds {k} more."),
        ),
        "add": Templates(
            ("{S} earns {n} dollars.", "{Q} gives {N} {n} dollars.", "{S} finds {n} dollars.",
             "{S} gets {n} dollars from {Q}.", "{S} earns another {n} dollars.", "{Q} adds {n} dollars.",
             "{S} saves {n} more dollars."),
            ("On Monday {p} saves another {n} dollars.", "Later {Q} adds {n} more dollars.",
             "In the evening {N} gets {n} dollars."),
        ),
        "take": Templates(
            ("{S} spends {n} dollars.", "{S} pays {n} dollars to {Q}.", "{S} loses {n} dollars.",
             "{S} gives {n} dollars to {Q}.", "{Q} takes {n} dollars away.", "{n} dollars are missing.",
             "{S} pays a bill of {n} dollars.",
             "{S} spends another {n} dollars."),
            ("On Friday {N} spends {n} of the dollars.",
             "Later {p} pays another {n} dollars.",
             "In the evening {N} pays {Q} {n} dollars."),
        ),
        "grow": Templates(
            ("The money grows {k} times.", "{S} has {k} times as many dollars.",
             "{S} makes the money {k} times as much.",
             "There is {k} times as much money.", "There are {k} times as many dollars."),
            ("By the next day {p} has {k} times as much money.", "Later {N} has {k} times the money."),
        ),
        "add_groups": Templates(
            ("{S} works {k} hours for {n} dollars each.", "{S} sells {k} {c} for {n} dollars each.",
             "{k} friends give {N} {n} dollars each.", "{S} gets {n} dollars from each of {k} people.",
             "{S} earns {n} dollars in each of {k} hours."),
            ("On Tuesday {k} people give {N} {n} dollars each.",),
        ),
        "take_groups": Templates(
            ("{S} buys {k} {c} for {n} dollars each.", "{S} gives {n} dollars to each of {k} friends.",
             "{S} pays {n} dollars to each of {k} people.", "{S} spends {n} dollars on each of {k} {c}."),
            ("Then {N} gives {n} dollars to each of {k} people.",),
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
            ("{S} has {n} points.", "{S} starts with {n} points.", "{S} has {n} points in the game.",
             "{S} opens the game with {n} points."),
            ("At first {N} starts the game with {n} points.", "On Monday {N} opens a game with {n} points."),
        ),
        "fill": Templates(
            ("{S} wins {k} {c} with {n} points in each.", "{S} scores {n} points in each of {k} {c}.",
             "{S} wins {k} {c} of {n} points each."),
            ("At first {N} wins {k} {c} with {n} points each.",),
        ),
        "sum": Templates(
            ("{S} scores {n} points on Monday and {k} points on Tuesday.",
             "{S} has {n} points and {Q} adds {k} more.", "{S} has {n} points and wins {k} more."),
            ("{N} has {n} points and scores {k} points on Tuesday.", "{N} scores {n} points and {Q} adds {k} more."),
        ),
        "add": Templates(
            ("{S} scores {n} points.", "{Q} gives {N} {n} points.", "{S} wins {n} more points.",
             "A bonus adds {n} points.", "{S} gets {n} points from {Q}.", "{S} scores another {n} points.",
             "{S} wins {n} points."),
            ("On Monday {N} wins another {n} points.", "Later a bonus adds {n} more points.",
             "In the evening {N} scores {n} more points."),
        ),
        "take": Templates(
            ("{S} loses {n} points.", "{Q} takes {n} points away.", "A mistake costs {n} points.",
             "{S} gives {n} points to {Q}.", "{S} pays {n} points for a hint.",
             "{S} gives away another {n} points.", "{Q} takes another {n} points.", "{S} loses {n} of the points."),
            ("On Friday a mistake takes {n} points away.", "Later {p} loses another {n} points.",
             "In the evening {Q} takes {n} of the points."),
        ),
        "grow": Templates(
            ("The number of points grows {k} times.", "{S} has {k} times as many points.",
             "A bonus makes the number of points {k} times as large.",
             "A bonus gives {k} times as many points.", "There are {k} times as many points."),
            ("By the next day {p} makes the number of points {k} times as large.", "Later a bonus makes {k} times as many points."),
        ),
        "add_groups": Templates(
            ("{S} wins {k} {c} with {n} points in each.", "{S} scores {n} points in each of {k} {c}.",
             "{k} friends give {N} {n} points each.", "{S} wins {k} more {c} of {n} points each."),
            ("On Tuesday {p} wins {k} more {c} with {n} points in each.",),
        ),
        "take_groups": Templates(
            ("{S} loses {n} points in each of {k} {c}.", "{S} gives {n} points to each of {k} friends.",
             "{k} mistakes cost {n} points each.", "{S} pays {n} points for each of {k} hints."),
            ("Then {N} pays {n} points in each of {k} {c}.",),
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
            ("The tank of {N} holds {n} litres.", "{S} has a tank with {n} litres in it.",
             "There are {n} litres in the tank of {N}."),
            ("On Monday the tank of {N} has {n} litres in it.",),
        ),
        "fill": Templates(
            ("{S} fills the tank with {k} {c} of {n} litres each.",
             "{S} pours {k} {c} with {n} litres in each into the tank."),
            ("At first {N} pours {k} {c} of {n} litres each into the tank.",
             "{N} fills the tank with {k} {c} with {n} litres in each."),
        ),
        "sum": Templates(
            ("The tank of {N} holds {n} litres and {Q} adds {k} more.",
             "{S} pours {n} litres into the tank on Monday and {k} litres on Tuesday.",
             "The tank of {N} holds {n} litres and the rain adds {k} litres."),
            ("{N} pours {n} litres into the tank and {Q} adds {k} more.",
             "The tank of {N} holds {n} litres and the rain adds {k} litres on Tuesday."),
        ),
        "add": Templates(
            ("{S} pours in {n} more litres.", "The rain adds {n} litres.",
             "{Q} pours another {n} litres into the tank.", "{S} adds {n} litres.", "{S} adds another {n} litres.",
             "{n} more litres flow in."),
            ("On Monday the rain adds {n} more litres.", "Later {Q} pours in another {n} litres.",
             "In the evening {N} pours in {n} litres."),
        ),
        "take": Templates(
            ("{S} uses {n} litres.", "{n} litres leak away.", "{Q} takes {n} litres out of the tank.",
             "{S} takes out {n} litres.", "{S} gives {n} litres to {Q}.", "{n} litres flow out.",
             "{S} takes out another {n} litres."),
            ("On Friday {n} litres flow away.", "Later {N} takes {n} litres out of the tank.",
             "In the evening {p} uses another {n} litres."),
        ),
        "grow": Templates(
            ("The water grows {k} times.", "The tank holds {k} times as many litres.",
             "The rain makes the water {k} times as much.",
             "There is {k} times as much water.", "There are {k} times as many litres."),
            ("By the next day the tank has {k} times as many litres.",),
        ),
        "add_groups": Templates(
            ("{S} pours in {k} {c} of {n} litres each.", "{Q} adds {k} more {c} with {n} litres in each.",
             "{k} friends add {n} litres each.",
             "{k} people pour in {n} litres each.", "{S} pours in {k} more {c} of {n} litres each."),
            ("On Tuesday {Q} adds {k} more {c} of {n} litres each.", "Then {k} people add {n} litres each."),
        ),
        "take_groups": Templates(
            ("{S} takes out {k} {c} of {n} litres each.", "{S} gives {n} litres to each of {k} friends.",
             "{k} people take {n} litres each.",
             "{k} friends take out {n} litres each.", "{Q} fills {k} {c} from the tank with {n} litres in each."),
            ("On Friday {p} takes away {k} {c} of {n} litres each.", "Then {k} friends take {n} litres each."),
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
