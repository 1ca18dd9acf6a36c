"""What pyproject.toml cannot say: a wheel takes the lessons and the assets along, which a clone has beside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = {
    "assets": ("*.safetensors", "*.md", "style/*"),
    "lessons": ("*.ipynb", "README.md", "source/*.py"),
}


class BuildWithLessons(build_py):
    """The package, and in `stylelab/shipped` what `stylelab.base.course` looks for there."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the clone is used as it lies
            return
        for folder, patterns in SHIPPED.items():
            for pattern in patterns:
                for path in sorted((ROOT / folder).glob(pattern)):
                    self._take(path)

    def _take(self, path: Path) -> None:
        target = Path(self.build_lib) / "stylelab" / "shipped" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithLessons})
