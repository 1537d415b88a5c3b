"""Where the wheels put the servers' programs."""

import contextlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def folder_of(package: str) -> Path:
    """Find an installed package without importing it, as its code is not wanted."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


def copy_for_everyone(package: Path, target: Path) -> Path:
    """Copy a package's programs, unless done before, to where any account may run them."""
    if not target.exists():
        draft = target.with_name(f"{target.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        # The programs find the wheel's shared libraries by the way from one folder to the other.
        for source in package.parent.glob(f"{package.name}*"):
            unused = shutil.ignore_patterns("pginstall", "include")
            shutil.copytree(source, draft / source.name, ignore=unused)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        draft.rename(target)
    return target / package.name


@contextlib.contextmanager
def fit_for_a_shell(package: Path) -> Iterator[Path]:
    """Copy the package for a moment if a shell cannot read its path in double quotes."""
    if not set(str(package)) & set('"$`\\'):
        yield package
        return
    with tempfile.TemporaryDirectory() as folder:
        yield copy_for_everyone(package, Path(folder) / "programs")
