"""The shipped problem files: 500 held-out test problems, 200 for choosing coefficients, 64 items for contrastive pairs.

Run as `python -m train.problemfiles` to write them anew; the same bytes every time.
"""

import json
from pathlib import Path

from .problems import Problem, distinct, held_out_problem, training_problem
from .styles import STYLES, write_answer

FOLDER = Path(__file__).parent.parent / "problems"
TEST, VALIDATION, PAIRS = "heldout.jsonl", "validation.jsonl", "pairs-items.jsonl"


def _write(name: str, prefix: str, problems: list[Problem]) -> None:
    lines = [
        json.dumps({
            "id": f"{prefix}-{number:03d}",
            "question": problem.question,
            "answer": str(problem.answer),
            "operations": len(problem.steps),
            "styles": {style: write_answer(problem, style) for style in STYLES},
        })
        for number, problem in enumerate(problems)
    ]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text("\n".join(lines) + "\n")


def write_problem_files() -> None:
    """Writes the three files. Test and validation are disjoint parts of one draw."""
    held_out = distinct(held_out_problem, 700, seed=2026)
    _write(TEST, "heldout", held_out[:500])
    _write(VALIDATION, "validation", held_out[500:])
    _write(PAIRS, "pair", distinct(training_problem, 64, seed=64))


def read_problems(name: str) -> list[dict]:
    """The records of one file."""
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


if __name__ == "__main__":
    write_problem_files()
