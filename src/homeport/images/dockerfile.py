"""Dockerfiles as text: instructions, what of them has no effect here, and what is refused by name. Pure.

Semantics 5.4: EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, VOLUME and USER do nothing (all of it runs as root).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ..errors import InvalidError
from . import runmounts
from .stages import Stages

WITHOUT_EFFECT = frozenset({"EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME"})
KNOWN = frozenset({"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "RUN", "SHELL", "WORKDIR"})
_INSTRUCTION = re.compile(r"([A-Za-z]+)(?:\s+(.*))?", re.DOTALL)
_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S+)", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*['A-Za-z_]")
_NO_HEREDOC = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|\(\(.*?\)\)|<<<""")  # quoted, arithmetic, a here-string
_MOUNT = re.compile(r"(?<=--mount=)\S+")
_FLAG = re.compile(r"--([a-z-]+)(?:=([^\s\"'\\]*))?(?:\s+|$)")
_FLAGS = {  # what buildah knows of each instruction's flags
    "ADD": frozenset({"chown", "chmod"}),
    "COPY": frozenset({"chown", "chmod", "from"}),
    "FROM": frozenset({"platform"}),
    "RUN": frozenset({"mount", "network"}),
}
_A_CONTEXT = re.compile(r"context\d+")
_CONTEXT = re.compile(r"(?<=from=)context(\d+)\b")
_URL = re.compile(r"(https?|git|ssh)://|git@")


@dataclass(frozen=True, slots=True)
class Instruction:
    """`rest` is on one line."""

    word: str
    rest: str

    @property
    def text(self) -> str:
        return f"{self.word} {self.rest}"


def parse(text: str) -> list[Instruction]:
    """What has an effect, in order. Raises InvalidError naming what is not supported or not legal."""
    found = [_instruction(logical) for logical in _logical_lines(text)]
    return [_checked(each) for each in found if each.word not in WITHOUT_EFFECT]


def of_file(text: str, build_args: Iterable[tuple[str, str]] = ()) -> list[Instruction]:
    """A whole Dockerfile, with full names of images. Raises InvalidError, also when it names no base."""
    found = parse(text)
    first = next((each.word for each in found if each.word != "ARG"), "")
    if first != "FROM":
        raise InvalidError("The Dockerfile has to begin with FROM (only ARG may stand before it).")
    stages = Stages(build_args)
    return [_with_full_names(each, stages) for each in found]


def references(text: str, build_args: Iterable[tuple[str, str]] = ()) -> tuple[list[str], list[str]]:
    """The images of registries that a Dockerfile names: by FROM, and by COPY --from. Raises as `of_file`."""
    found = of_file(text, build_args)
    bases = [each.rest[_end_of_flags(each.rest) :].split()[0] for each in found if each.word == "FROM"]
    sources = [value for each in found if each.word == "COPY" for name, value in _flags(each.rest) if name == "from"]
    return [name for name in bases if "/" in name], [name for name in sources if "/" in name]  # no stage has a `/`


def with_ids(instruction: Instruction, named: Mapping[str, str]) -> Instruction:
    """With ids in the place of images' names."""
    if instruction.word == "COPY":
        return _with_flags(instruction, lambda _, value: named.get(value, value))
    if instruction.word != "FROM":
        return instruction
    end = _end_of_flags(instruction.rest)
    image, *rest = instruction.rest[end:].split(" ")
    return replace(instruction, rest=instruction.rest[:end] + " ".join([named.get(image, image), *rest]))


def of_step(lines: Iterable[str]) -> list[Instruction]:
    """The lines of a step. Raises InvalidError."""
    found = parse("\n".join(lines))
    if any(each.word == "FROM" for each in found):
        raise InvalidError(
            "A step of an image can't have FROM; use `Image.from_dockerfile` for a Dockerfile with its own base."
        )
    return [_with_full_names(each, Stages()) for each in found]


def with_contexts(instruction: Instruction, names: tuple[str, ...], *, main_is_given: bool = False) -> Instruction:
    """`context0` and so on, where files are taken from them, by their names in this build.

    COPY and bind mounts that say nothing take from the first one; main_is_given: buildah has that as its context anyway.
    Raises InvalidError for a context that is not there.
    """

    def name(found: re.Match[str]) -> str:
        number = int(found[1])
        if number >= len(names):
            raise InvalidError(f"`{instruction.text}` takes files from context{number}, which is not there.")
        return names[number]

    if instruction.word not in ("ADD", "COPY", "RUN"):
        return instruction
    end = _end_of_flags(instruction.rest)
    flags = _CONTEXT.sub(name, instruction.rest[:end])
    if names and not main_is_given:
        flags = _taking_from(names[0], instruction.word, flags)
    return replace(instruction, rest=flags + instruction.rest[end:])


def adds_files(instruction: Instruction) -> bool:
    """Whether it is an ADD of files from the context, which it can take from nowhere else."""
    return instruction.word == "ADD" and not _URL.match(instruction.rest[_end_of_flags(instruction.rest) :].lstrip('[" '))


def exec_form(word: str, argv: Iterable[str]) -> Instruction:
    return Instruction(word, json.dumps(list(argv), ensure_ascii=False))


def _logical_lines(text: str) -> list[str]:
    """Comments are gone, continued lines are one."""
    if (found := _ESCAPE.match(text)) and found[1] != "\\":
        raise InvalidError("The directive `# escape=` is not supported in a Dockerfile; continue lines with a backslash.")
    lines: list[str] = []
    continued = False
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith("#") or (not bare and not continued):
            continue
        if continued and not bare:
            continue
        part = line.rstrip()
        more = part.endswith("\\") and not part.endswith("\\\\")
        part = part[:-1] if more else part
        if continued:
            lines[-1] += part
        else:
            lines.append(part.lstrip())
        continued = more
    return lines


def _instruction(logical: str) -> Instruction:
    found = _INSTRUCTION.fullmatch(logical.strip())
    word = found[1].upper() if found else ""
    if word not in KNOWN | WITHOUT_EFFECT:
        raise InvalidError(f"`{_short(logical)}` is not an instruction of a Dockerfile that homeport knows.")
    assert found is not None
    rest = (found[2] or "").strip()
    if not rest:
        raise InvalidError(f"{word} in a Dockerfile needs an argument.")
    return Instruction(word, rest)


def _checked(instruction: Instruction) -> Instruction:
    """The same with its mounts in a form of ours."""
    if instruction.word not in _FLAGS:
        return instruction
    for name, _ in _flags(instruction.rest):
        if name not in _FLAGS[instruction.word]:
            raise InvalidError(f"{instruction.word} --{name} is not supported in a Dockerfile; leave it out.")
    if instruction.rest[_end_of_flags(instruction.rest) :].startswith("--"):  # buildah might read more into it
        raise InvalidError(f"`{_short(instruction.text)}`: write its flags as --name=value, without quotes and backslashes.")
    _refuse(instruction)
    return _with_flags(instruction, lambda name, value: runmounts.canonical(value) if name == "mount" else value)


def _refuse(instruction: Instruction) -> None:
    if instruction.word in ("RUN", "COPY", "ADD") and _has_here_document(instruction.rest):
        raise InvalidError(
            f"`{_short(instruction.text)}`: here-documents (<<) are not supported in a Dockerfile; use printf or COPY."
        )
    if instruction.word == "ADD":
        _refuse_add(instruction)


def _refuse_add(instruction: Instruction) -> None:
    sources = instruction.rest[_end_of_flags(instruction.rest) :].split()[:-1]
    urls = [source for source in sources if _URL.match(source.strip('"[,'))]
    if any(not url.strip('"[,').startswith(("http://", "https://")) or url.strip('",').endswith(".git") for url in urls):
        raise InvalidError(
            f"`{_short(instruction.text)}`: ADD of a git repository is not supported; clone it with RUN git clone."
        )
    if urls and len(sources) > 1:
        raise InvalidError(f"`{_short(instruction.text)}`: ADD takes one URL, and nothing beside it.")


def _with_full_names(instruction: Instruction, stages: Stages) -> Instruction:
    if instruction.word == "ARG":
        stages.argument(instruction.rest)
    if instruction.word == "COPY":
        return _with_flags(instruction, lambda name, value: _source(value, stages) if name == "from" else value)
    if instruction.word != "FROM":
        return instruction
    flags = _with_flags(instruction, lambda _, value: stages.platform(value)).rest
    end = _end_of_flags(flags)
    return replace(instruction, rest=flags[:end] + stages.begin(flags[end:]))


def _source(value: str, stages: Stages) -> str:
    return value if _A_CONTEXT.fullmatch(value) else stages.source(value)


def _with_flags(instruction: Instruction, change: Callable[[str, str], str]) -> Instruction:
    """With other values. One space stands between its flags, which buildah can't read in another way than we do."""
    flags = [f"--{name}={change(name, value)}" for name, value in _flags(instruction.rest)]
    return replace(instruction, rest=" ".join([*flags, instruction.rest[_end_of_flags(instruction.rest) :]]))


def _flags(rest: str) -> list[tuple[str, str]]:
    return [(found[1], found[2] or "") for found in _FLAG.finditer(rest[: _end_of_flags(rest)])]


def _end_of_flags(rest: str) -> int:
    end = 0
    while found := _FLAG.match(rest, end):
        end = found.end()
    return end


def _taking_from(tree: str, word: str, flags: str) -> str:
    """`flags`, taking from `tree` where they say nothing else."""

    def mounted(found: re.Match[str]) -> str:
        elsewhere = _mount_kind(found[0]) != "bind" or any(part.startswith("from=") for part in found[0].split(","))
        return found[0] if elsewhere else f"from={tree},{found[0]}"

    if word == "COPY" and not any(flag == "from" for flag, _ in _flags(flags)):
        return f"--from={tree} {flags}"
    return _MOUNT.sub(mounted, flags) if word == "RUN" else flags


def _mount_kind(value: str) -> str:
    return next((part.partition("=")[2] for part in value.split(",") if part.startswith("type=")), "bind")


def _has_here_document(rest: str) -> bool:
    """As a shell reads it; the exec form has none."""
    text = rest[_end_of_flags(rest) :]
    return not text.startswith("[") and bool(_HEREDOC.search(_NO_HEREDOC.sub("''", text)))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."
