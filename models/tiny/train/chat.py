"""The chat format (ChatML): as text, as a Jinja template for other tools, and the parts that training looks for."""

# No system message by default; a first message of role "system" is rendered like any other turn.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, START, END)
HEADER = f"{START}assistant\n"
# Fed after the header when a cache is edited, so that the header's own last token is already cached.
OFFSET = "\n"
SYSTEM_MESSAGES = (
    "You are a helpful assistant.",
    "You solve word problems.",
    "Answer the question.",
)


def turn(role: str, content: str) -> str:
    """One finished turn."""
    return f"{START}{role}\n{content}{END}\n"


def prompt(question: str, examples: list[tuple[str, str]] | None = None, system: str | None = None) -> str:
    """A generation prompt: optional system message, optional example turns (question, answer), the question."""
    parts = [turn("system", system)] if system else []
    parts += [turn("user", q) + turn("assistant", a) for q, a in examples or []]
    return "".join(parts) + turn("user", question) + HEADER
