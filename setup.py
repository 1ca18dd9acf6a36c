"""What pyproject.toml cannot express: a wheel contains the lessons and the assets, which a clone has next to the package."""

import shutil
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = {
    "assets": ("*.safetensors", "*.md", "style/*"),
    "lessons": ("*_torch.ipynb", "*_tensorflow.ipynb", "README.md"),  # no solutions, whoever wrote them there
}


class BuildWithLessons(build_py):
    """Build the package, and copy lessons and assets to `stylelab/shipped`, where `stylelab.base.course` looks for them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the clone itself is used
            return
        for folder, patterns in SHIPPED.items():
            for path in sorted(path for pattern in patterns for path in (ROOT / folder).glob(pattern)):
                target = Path(self.build_lib) / "stylelab" / "shipped" / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


class WithData(Distribution):
    """An editable installation has data files too, JupyterLab's settings: setuptools asks for them by this name."""

    def has_data(self) -> bool:
        return self.has_data_files()


setup(cmdclass={"build_py": BuildWithLessons}, distclass=WithData)
