"""Where a study is tracked: a server, or a database of its own that moves with its folder."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_SQLITE = "sqlite:///"
_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Store:
    """Where a study is tracked.

    Attributes:
        uri: of the tracking server or database.
        experiment: name of the experiment.
        folder: of the study: event log, cursor, and artifacts unless a server keeps them.
    """

    uri: str
    experiment: str
    folder: Path

    @property
    def is_own(self) -> bool:
        """Tell whether the store is the study's own database."""
        return self.uri == own_uri(self.folder)


def own_uri(folder: Path) -> str:
    """Return the URI of the database inside a study folder."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def own_artifacts(folder: Path) -> Path:
    """Return the folder of the artifacts inside a study folder; a run's lie under its id."""
    return (folder / "mlartifacts").resolve()


def database_fault(uri: str) -> str | None:
    """Say why a URI names no SQLite database, nor a place for one, if it does not."""
    if not uri.startswith(_SQLITE):
        return None
    path = Path(uri.removeprefix(_SQLITE).partition("?")[0])
    if path.is_dir():
        return "a folder"
    is_other = path.is_file() and _head(path) not in (b"", _MAGIC)
    return "no SQLite database" if is_other else None


def relocate(folder: Path) -> None:
    """Let a study's own database find its artifacts after the folder was moved or renamed."""
    database = folder / "mlflow.db"
    if not database.exists():
        return
    here = own_artifacts(folder).as_uri()
    columns = {
        "experiments": ("artifact_location",),
        "runs": ("artifact_uri",),
        "logged_models": ("artifact_location",),
        "model_versions": ("source", "storage_location"),
    }
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        where = "SELECT artifact_location FROM experiments WHERE artifact_location LIKE ?"
        for (there,) in connection.execute(where, ("%/mlartifacts",)).fetchall():
            if there == here:
                continue
            for table, names in columns.items():
                for name in names:
                    connection.execute(
                        f"UPDATE {table} SET {name} = ? || substr({name}, ?) "  # noqa: S608  (constants)
                        f"WHERE substr({name}, 1, ?) = ?",
                        (here, len(there) + 1, len(there), there),
                    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_MAGIC))
