"""What pyproject.toml cannot say: packages are found under two roots, `src` and `models`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages("src"), "poolwise.models", *(f"poolwise.models.{one}" for one in find_packages("models"))],
    package_dir={"": "src", "poolwise.models": "models"},
)
