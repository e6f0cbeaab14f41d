"Reads `settings.ini`, where every fact about the package stands once."
import re
import sys
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
settings = ConfigParser(delimiters=["="])
settings.read(HERE / "settings.ini", encoding="utf8")
cfg = settings["DEFAULT"]
in_place = "editable_wheel" in sys.argv  # what only the documentation needs is not in a release
readme = (HERE / "README.md").read_text(encoding="utf8")
for link, kind in ((r"(!\[.*?\]\()", "raw"), (r"(\[.*?\]\()", "blob")):  # PyPI has no folder nbs
    readme = re.sub(link + "(?=nbs/)", rf"\1{cfg['git_url']}/{kind}/{cfg['branch']}/", readme)

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=readme,
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    keywords=cfg["keywords"].split(),
    license="Apache-2.0",
    packages=find_packages(include=["gpt1", "gpt1.*"]) + ["gpt1_site"] * in_place,
    package_dir={"gpt1_site": ".ci/gpt1_site"} if in_place else {},
    include_package_data=True,
    python_requires=">=" + cfg["min_python"],
    install_requires=cfg["requirements"].split(),
    extras_require={name: cfg[f"{name}_requirements"].split() for name in ("dev", "eval")},
    entry_points={
        "console_scripts": cfg["console_scripts"].split(),
        "nbdev": [f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Education",
        "Natural Language :: English",
        "Programming Language :: Python :: 3",
    ],
)
