"""What `pipeline score --explain` adds to a row: which measures spoke, in words and drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_project.cli.console import shown
from pipeline_project.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from pipeline_project.core.quality.classifier import Classifier
    from pipeline_project.core.quality.picture import Picture
    from pipeline_project.core.records import Classification

DEFAULT_FOLDER = Path("explained")
# Columns of the row, in this order.
COLUMNS = ("explanation", "picture")
_WORDS_FOR, _WORDS_AGAINST = 6, 3
# File systems allow 255 bytes, and a character may take four.
_NAME_LETTERS = 55


class Explainer:
    """Explains scored images, each with a picture of its own in one folder."""

    def __init__(self, folder: Path, listed: Sequence[Path], judge: "Classifier") -> None:
        """Give every listed image the name of its picture, and make the folder.

        Raises:
            ConfigError: a picture would take the place of a listed image.
            PermanentError: the folder cannot be made.
        """
        self._judge = judge
        self._files = _names(folder, listed)
        clash = {path.absolute() for path in listed} & {
            path.absolute() for path in self._files.values()
        }
        if clash:
            raise ConfigError(
                f"Explaining {shown(min(clash))}: the explanation's picture would take its place. "
                "Name another folder by --explain-dir."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PermanentError(
                f"Making the folder {shown(folder)}: {error.strerror or error}. "
                "Name another by --explain-dir."
            ) from error

    def explain(
        self,
        path: Path,
        picture: "Picture",
        measures: dict[str, float],
        verdict: "Classification",
    ) -> dict[str, Any]:
        """Draw the picture of one image, which has its colours, and give the columns of its row.

        Raises:
            PermanentError: the picture cannot be written.
        """
        from pipeline_project.cli.explain_picture import Explained, draw
        from pipeline_project.core.quality.explain import as_stored, explain

        why = explain(self._judge, measures)
        likely = {"sharp": verdict.p_sharp, "blur": verdict.p_blur, "moire": verdict.p_moire}
        file = self._files[path]
        drawn = draw(Explained(shown(Path(path.name)), picture, likely, why))
        try:
            file.write_bytes(drawn)
        except OSError as error:
            raise PermanentError(
                f"Writing {shown(file)}: {error.strerror or error}. "
                "Make room, or name another folder by --explain-dir."
            ) from error
        return {"explanation": as_stored(why), "picture": str(file)}


def without_own(listed: Sequence[Path], named: Sequence[Path], folder: Path) -> list[Path]:
    """Leave out what lies in the folder of pictures, but for files that are named one by one."""
    chosen = {path.expanduser() for path in named}
    own = folder.absolute()
    return [path for path in listed if path in chosen or own not in path.absolute().parents]


def words(row: dict[str, Any]) -> list[str]:
    """Say in lines of text what the columns of an explained row hold."""
    from pipeline_project.cli.explain_picture import WORDS, in_words, with_unit
    from pipeline_project.core.quality.registry import MEASURES

    why = row["explanation"]
    kinds = ", ".join(f"{kind} {odds:+.1f}" for kind, odds in why["together"].items())
    lines = [
        f"{WORDS[why['label']]} rather than {WORDS[why['against']]}: log-odds "
        f"{why['log_odds']:+.1f} = {why['start']:+.1f} before any measure, {kinds}"
    ]
    spoke = why["contributions"]
    first = [each for each in spoke if each["log_odds"] > 0][:_WORDS_FOR]
    last = [each for each in spoke if each["log_odds"] <= 0][-_WORDS_AGAINST:]
    for each in [*first, *reversed(last)]:
        measure = MEASURES[each["measure"]]
        lines.append(
            f"  {each['log_odds']:+5.1f}  {measure.description}: {measure.name} "
            f"{with_unit(measure.name, each['value'])}, usual {in_words(each['usual'])}"
        )
    return [*lines, f"  {shown(Path(row['picture']))}"]


def _names(folder: Path, listed: Sequence[Path]) -> dict[Path, Path]:
    """Name a picture after each image; where names are alike, with numbers."""
    names: dict[Path, Path] = {}
    taken: set[str] = set()
    for path in listed:
        if path in names:
            continue
        name = stem = path.name[:_NAME_LETTERS]
        number = 1
        # Some file systems take upper and lower case for the same.
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names[path] = folder / f"{name}.png"
    return names
