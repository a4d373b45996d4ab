"""The five answer styles: how an answer is written in each, and how a style is recognised (../styles.json)."""

import json
import re
from pathlib import Path

from .problems import Problem

STYLES = ("direct", "stepwise", "causal", "strategy", "equation")
# Appended to a question: training answers it stepwise, always.
STEP_BY_STEP = " Let's think step by step."
_VERBS = {"+": "add", "-": "subtract", "*": "multiply"}
_CARD = json.loads((Path(__file__).parent.parent / "styles.json").read_text())
_PATTERNS = {name: re.compile(card["pattern"], re.ASCII) for name, card in _CARD["styles"].items()}
_ANSWER = re.compile(_CARD["answer"], re.ASCII)
assert tuple(_PATTERNS) == STYLES


def write_answer(problem: Problem, style: str) -> str:
    """The worked answer to a problem in one style, with units where the style has room for them."""
    steps, unit = problem.steps, problem.unit
    end = f"The answer is {problem.answer}."
    match style:
        case "direct":
            return end
        case "stepwise":
            return " ".join(f"Step {i}: {s} {unit}." for i, s in enumerate(steps, 1)) + f" {end}"
        case "causal":
            return f"Because {', therefore '.join(map(str, steps))}. {end}"
        case "strategy":
            plan = ", then ".join(_VERBS[s.sign] for s in steps)
            return f"Strategy: {plan}. Execution: {', '.join(map(str, steps))}. {end}"
        case "equation":
            return f"Let {'; '.join(f'{chr(97 + i)} = {s}' for i, s in enumerate(steps))}. {end}"
    raise ValueError(f"expected a style of {STYLES}, found {style!r}")


def style_of(output: str) -> str | None:
    """The style whose pattern the whole trimmed output matches, or None."""
    text = output.strip()
    return next((name for name, pattern in _PATTERNS.items() if pattern.search(text)), None)


def answer_of(output: str) -> int | None:
    """The number an output ends with ("The answer is N."), the last if it says several, or None."""
    found = _ANSWER.findall(output)
    return int(found[-1]) if found else None
