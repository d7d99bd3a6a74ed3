"""Takes out of a message what its author did not say: code, log lines, stack traces, quoted lines."""

import re

CODE = "code"

FENCE = re.compile(r"```.*?```", re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
# Code that reads as words inside a sentence, such as `user_id` or `make test`. Longer names are no longer read so.
SAYABLE = re.compile(r"[A-Za-z][\w.-]*(?: [\w.-]+){0,2}(?:\(\))?")
SAYABLE_CHARACTERS = 40

QUOTE = re.compile(r"^[ \t]*>(?!:)[^\n]*$", re.MULTILINE)
QUOTE_MARK = re.compile(r"^[ \t]*>+(?!:)", re.MULTILINE)

# Lines of a log or a stack trace, recognised by how they begin.
LOG_LINE = re.compile(
    r"[ \t]*(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[?\d\d:\d\d:\d\d[\],.\s]|\[?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    r'|at [\w$.<>/]+\(|File "[^"]+", line \d+|Caused by: [\w.$]|\.\.\. \d+ (?:more|common frames)|goroutine \d+ \['
    r"|npm ERR!|panic: |Traceback \(most recent call last\))"
)
# People begin a line like this too; beside another such line it is a log.
LEVEL_LINE = re.compile(
    r"[ \t]*(?:\[?(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\]?[ :]|[\w.$]+(?:Error|Exception): )"
)
# The head of a stack trace; in a sentence of its own it is something people say.
ERROR_LINE = re.compile(r"\b\w*(?:Error|Exception|Interrupt)\b")
# Python puts code between the frames, always indented.
TRACEBACK = re.compile(r"[ \t]*Traceback \(most recent call last\)")


def drop_code(text: str) -> str:
    """Without fenced code. Inline code stays where it reads as words, else it is the word "code"."""
    return INLINE.sub(_say_code, FENCE.sub("\n", text).replace("```", " ")) if "`" in text else text


def _say_code(match: re.Match[str]) -> str:
    code = match[1].strip()
    sayable = len(code) <= SAYABLE_CHARACTERS and SAYABLE.fullmatch(code)
    return code.removesuffix("()").replace("_", " ") if sayable else CODE


def drop_quotes(text: str) -> str:
    """Quoted lines are somebody else's words; when there are no others, they are what is meant."""
    if ">" not in text:
        return text
    own = QUOTE.sub("", text)
    return own if own.strip() else QUOTE_MARK.sub("", text)


def drop_logs(text: str) -> str:
    """Without the lines of logs and stack traces. Line by line: one pattern for all would be slow on some input."""
    lines = _without_tracebacks(text.split("\n"))
    # A blank one on either side, so that every line has neighbours.
    log = [False, *(LOG_LINE.match(line) is not None for line in lines), False]
    level = [False, *(LEVEL_LINE.match(line) is not None for line in lines), False]
    kept: list[str] = []
    for at, line in enumerate(lines, start=1):
        run = level[at] and (level[at - 1] or level[at + 1] or log[at - 1] or log[at + 1])
        head = log[at + 1] and ERROR_LINE.search(line)
        if not (log[at] or run or head):
            kept.append(line)
    return "\n".join(kept)


def _without_tracebacks(lines: list[str]) -> list[str]:
    kept: list[str] = []
    inside = False
    for line in lines:
        if TRACEBACK.match(line):
            inside = True
        elif not inside:
            kept.append(line)
        elif not line[:1].isspace():  # the first line that isn't indented names the error, if it is one
            inside = False
            if not ERROR_LINE.search(line):
                kept.append(line)
    return kept
