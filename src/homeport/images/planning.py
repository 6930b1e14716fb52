"""From the steps of a recipe to what buildah is told: one Dockerfile for as many steps as can be in one. Pure.

A step with build arguments, or with ADD, gets a Dockerfile of its own: ARG holds to the end of one, and there is one context
to ADD from. Everything else that is a step's alone (environment, Secrets, Volumes, a function) is given to its RUN
instructions from outside (`ociruntime`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidError
from ..manifest.schema import BuildFunction, ImageStep
from . import dockerfile
from .dockerfile import Instruction

GUEST_LIB = "/opt/homeport/lib"
FUNCTION_ARGV = ("python3", "-I", "-S", "-B", f"{GUEST_LIB}/homeport/guest/buildstep.py")


@dataclass(frozen=True, slots=True)
class Planned:
    """`step` is the place among the recipe's steps; `shown` is for people."""

    step: int
    instruction: Instruction
    shown: str


@dataclass(frozen=True, slots=True)
class Segment:
    """What one invocation builds: the steps from `first` on, up to `end`. `contexts`: name -> digest of a tree."""

    first: int
    end: int
    instructions: tuple[Planned, ...]
    contexts: tuple[tuple[str, str], ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    whole_file: bool = False  # brings its own FROM
    main: str = ""  # the tree that COPY and ADD take from where nothing is said

    def dockerfile(self, base: str, named: Mapping[str, str] | None = None) -> str:
        """named: ids of the images that it names."""
        lines = [] if self.whole_file else [f"FROM {base}"]
        return "\n".join(
            [*lines, *(dockerfile.with_ids(each.instruction, named or {}).text for each in self.instructions), ""]
        )

    def has_arguments(self) -> bool:
        return bool(self.build_args) or any(each.instruction.word == "ARG" for each in self.instructions)

    def runs(self) -> list[int]:
        """The step of each RUN, in order."""
        return [each.step for each in self.instructions if each.instruction.word == "RUN"]

    def last_of(self, step: int) -> int:
        """How many instructions there are up to and with the last one of `step`, FROM not counted."""
        return sum(each.step <= step for each in self.instructions)


def segments(steps: Sequence[ImageStep], first: int, whole_file: bool) -> list[Segment]:
    """Of the steps from `first` on. whole_file: the very first step is a Dockerfile.

    Raises InvalidError for instructions that are not supported.
    """
    planned = [_plan(place, steps[place], whole_file and place == 0) for place in range(len(steps))]
    found: list[Segment] = []
    group: list[int] = []
    for place in range(first, len(steps)):
        alone = bool(steps[place].build_args) or any(_needs_own_file(each.instruction) for each in planned[place])
        if group and (alone or (whole_file and group[-1] == 0)):
            found.append(_segment(steps, planned, group, whole_file))
            group = []
        group.append(place)
        if alone:
            found.append(_segment(steps, planned, group, whole_file))
            group = []
    return [*found, _segment(steps, planned, group, whole_file)] if group else found


def check(steps: Sequence[ImageStep], whole_file: bool) -> None:
    """Raises InvalidError for what no machine could build."""
    for place, step in enumerate(steps):
        _plan(place, step, whole_file and place == 0)
        if step.gpu:
            raise InvalidError(
                f"The build step {step.method or place + 1} asks for gpu={' or '.join(step.gpu)}, and this machine has no "
                "GPU; build without one, or leave gpu= out."
            )


def total(steps: Sequence[ImageStep], whole_file: bool) -> int:
    """How many instructions there are, FROM counted once."""
    return sum(len(_plan(place, step, whole_file and place == 0)) for place, step in enumerate(steps)) + (not whole_file)


def context_name(digest: str) -> str:
    return f"tree-{digest[:24]}"


def _segment(steps: Sequence[ImageStep], planned: list[list[Planned]], group: list[int], whole_file: bool) -> Segment:
    contexts = {context_name(digest): digest for place in group for digest in steps[place].contexts}
    return Segment(
        first=group[0],
        end=group[-1] + 1,
        instructions=tuple(each for place in group for each in planned[place]),
        contexts=tuple(sorted(contexts.items())),
        build_args=steps[group[0]].build_args if len(group) == 1 else (),
        whole_file=whole_file and group[0] == 0,
        main=steps[group[0]].contexts[0] if len(group) == 1 and steps[group[0]].contexts else "",
    )


def _needs_own_file(instruction: Instruction) -> bool:
    return instruction.word == "ARG" or dockerfile.adds_files(instruction)


def _plan(place: int, step: ImageStep, whole_file: bool) -> list[Planned]:
    read = dockerfile.of_file("\n".join(step.lines), step.build_args) if whole_file else dockerfile.of_step(step.lines)
    names = tuple(context_name(digest) for digest in step.contexts)
    found = [Planned(place, dockerfile.with_contexts(each, names, main_is_given=whole_file), each.text) for each in read]
    if step.function:
        found.append(Planned(place, dockerfile.exec_form("RUN", FUNCTION_ARGV), f"run_function {_called(step.function)}"))
    return found


def _called(function: BuildFunction) -> str:
    return f"{function.entry.module}.{function.entry.qualname}"
