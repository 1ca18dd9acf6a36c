"""Whose a file is, by where it lies and what it is called. A student chooses the end of a file's name, never its beginning."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from stylelab.tools.classroom.notebooks.stubs import lesson_names

LONGEST = 80  # letters in a student's name
JOINERS = "\u200c\u200d"  # they do not show, but Persian and Hindi are not written rightly without them
# how the systems name what they export; the part before the last group is theirs, and the rest is the student's
MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?:_|$)")
CANVAS = re.compile(r"(?P<name>.+?)_(?P<late>LATE_)?(?P<number>\d+)_\d+_(?=.)")
BLACKBOARD = re.compile(r"(?P<head>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?=[_.]|$)")
AGAIN = re.compile(r"-(\d{1,4})(?=\.\w+$)")  # Canvas adds it to a file that is handed in again


@dataclass(frozen=True)
class Owner:
    """A student, as far as a file tells.

    Attributes:
        key: what tells this student from all others in the batch.
        name: as it stands there; not yet fit to be shown.
        number: of the student, where the system gives one.
        when: when it was handed in, where the name tells.
        notes: what the name tells besides.
    """

    key: tuple[str, ...]
    name: str
    number: str = ""
    when: datetime | None = None
    notes: tuple[str, ...] = ()


def named(name: str) -> Owner:
    """A student who is known by a name alone."""
    name = unicodedata.normalize("NFC", name)
    return Owner(("name", name), name)


def of_stem(name: str) -> Owner:
    """Whose `ada_03_style_reconstruction_torch.ipynb` is: what is left of the name without the lesson's."""
    stem = name.rpartition(".")[0] or name
    rest = [part.strip(" _-.") for part in _lesson_name().split(unicodedata.normalize("NFC", stem), maxsplit=1)]
    return named("_".join(part for part in rest if part) or stem)


def _lesson_name() -> re.Pattern:
    lessons = "|".join(map(re.escape, lesson_names()))
    copies = r"(?:_newer(?:_\d+)?)?(?:-Copy\d+)?(?: ?\(\d+\))?(?:-\d+(?!\d))?"
    return re.compile(rf"(?:{lessons})(?:_(?:torch|tensorflow))?{copies}", re.IGNORECASE)


def of_export(name: str) -> Owner | None:
    """Whose a file is that Canvas, Moodle or Blackboard named; None when none of them did.

    The pattern that ends first is the system's own: what comes after it, the student may have made up.
    """
    matches = [found for pattern in (MOODLE, CANVAS, BLACKBOARD) if (found := pattern.match(name))]
    if not matches:
        return None
    found = min(matches, key=lambda match: match.end())
    if found.re is BLACKBOARD:
        return Owner(("blackboard", found["head"]), found["head"].rpartition("_")[2], when=_attempt(found["time"]))
    who = unicodedata.normalize("NFC", found["name"])
    if found.re is MOODLE:
        return Owner(("name", who, found["number"]), who, found["number"])
    notes = ("handed in late, by Canvas's own mark",) if found["late"] else ()
    return Owner(("canvas", found["number"], who), who, found["number"], notes=notes)


def _attempt(time: str) -> datetime | None:
    try:
        return datetime.strptime(time, "%Y-%m-%d-%H-%M-%S").astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def settled(owners: Iterable[Owner]) -> dict[Owner, Owner]:
    """One export's owners, made comparable with other exports': a number that changes from task to task is left out,
    and so is the task, unless two students would become one by it."""
    owners = list(owners)
    count = Counter(name for name, _ in {(owner.name, owner.key) for owner in owners})
    done = {}
    for owner in owners:
        alone, kind = count[owner.name] == 1, owner.key[0]
        if alone and (kind == "blackboard" or (kind == "name" and len(owner.key) == 3)):
            done[owner] = replace(owner, key=("name", owner.name))
        elif kind == "blackboard":
            done[owner] = replace(owner, name=owner.key[1])
        else:
            done[owner] = owner
    return done


def shown_names(owners: Iterable[Owner]) -> Mapping[tuple[str, ...], str]:
    """Key -> a name for tables. No two students get names that look the same, whatever letters they are written with."""
    chosen = {owner.key: owner for owner in sorted(owners, key=lambda owner: (owner.key, owner.name), reverse=True)}
    looks = Counter(_look(clean(owner.name)) for owner in chosen.values())
    names, taken = {}, Counter()
    for key, owner in sorted(chosen.items()):
        name = clean(owner.name)
        if looks[_look(name)] > 1 and owner.number:
            name = f"{name} ({owner.number})"
        plain = name
        while taken[_look(name)]:
            taken[_look(plain)] += 1
            name = f"{plain} ({taken[_look(plain)]})"
        taken[_look(name)] += 1
        names[key] = name
    return names


def clean(name: str, longest: int = LONGEST) -> str:
    """A name of any script, without what does not show or turns the line around, and not too long."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = "".join(" " if letter.isspace() else letter for letter in name)
    name = "".join(letter for letter in name if letter in JOINERS or unicodedata.category(letter)[0] != "C")
    return " ".join(name.split())[:longest].strip() or "no name"


def _look(name: str) -> str:
    """What two names have in common that a reader, or a file system, takes for one."""
    name = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in name if unicodedata.category(letter)[0] not in "CZ")
