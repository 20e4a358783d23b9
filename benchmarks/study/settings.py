"""The options of the study in one place: its command line, its presets, and what a run records."""

# No postponed annotations: `command_signature` reads the types of the fields.
# ruff: noqa: RUF009 - `_option` makes a field of the dataclass

import dataclasses
import inspect
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ensemblekit import InvalidOptionError

ENSEMBLE_EPOCHS = 100
"""The trained ensembles cost seconds, and fewer epochs leave their 20 parameters near chance: never shortened."""
PATIENCE = 20

BEST = "best"
BEST_FILE, BEST_CSV, CANDIDATES_CSV = "best.json", "choice.csv", "candidates.csv"

CT_ALIASES = {
    "adenocarcinoma_left.lower.lobe_T2_N0_M0_Ib": "adenocarcinoma",
    "large.cell.carcinoma_left.hilum_T2_N2_M0_IIIa": "large.cell.carcinoma",
    "squamous.cell.carcinoma_left.hilum_T1_N2_M0_IIIa": "squamous.cell.carcinoma",
}
"""The class folders of the CT set's train and valid, and what its test calls them."""

PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "quick": (
        "the whole table in minutes: a light backbone, small images, few epochs",
        {"backbone": ["mobilenet_v2"], "image_size": 128, "epochs": 25, "views": "8"},
    ),
    "published": (
        "the study's recipe to the letter: ResNet50, 224 pixels, 100 epochs, pixels times 1/255; hours on two cores",
        {"backbone": ["resnet50"], "image_size": 224, "epochs": 100, "views": "fresh"},
    ),
    "corrected": (
        "the same with the preprocessing that the ImageNet weights were trained on",
        {"backbone": ["resnet50"], "image_size": 224, "epochs": 100, "views": "fresh"},
    ),
    BEST: (
        "no networks but one ensemble: heads of scikit-learn on several --backbone, by the rule chosen out of fold",
        {"backbone": ["mobilenet_v2", "resnet50"], "image_size": 320},
    ),
}
"""Name -> what it is, and the fields of `Settings` that it decides where they are not given."""
PRESET_HELP = "\n\n".join(f"[bold]{name}[/bold]: {summary}." for name, (summary, _) in PRESETS.items())

PRECISIONS = ("float32", "bfloat16", "auto")
TECHNIQUES = ("bagging", "boosting")
RECIPE_DEFAULTS: dict[str, Any] = {"batch": 32, "precision": "float32", "head_l2": 0.0, "also": []}
"""Fields that only the presets with networks have, and their values where they are not given."""
OF_NETWORKS = ("epochs", "views", *RECIPE_DEFAULTS)
"""Fields that the preset ``best`` has no use for."""
DATA, RECIPE, OUTPUT = "Data", "Recipe", "Output"


def _option(default: Any, panel: str, text: str, **more: Any) -> Any:
    return dataclasses.field(default=default, metadata={"help": text, "rich_help_panel": panel, **more})


@dataclasses.dataclass(frozen=True)
class Settings:
    """One run: each field is an option of the command line; what is None there is taken from the preset."""

    data: str = _option(
        "synthetic",
        DATA,
        "[bold]synthetic[/bold] (CT-like phantoms, drawn once into the cache), [bold]kaggle[/bold] (needs the extra "
        "'kaggle'), or a folder with train, valid and test, each with a folder a class.",
        metavar="WHICH",
    )
    alias: list[str] | None = _option(
        None,
        DATA,
        "Common name of a class folder; repeatable. That of the CT set's own folders is built in.",
        metavar="FOLDER=NAME",
    )
    rows: int | None = _option(None, DATA, "At most so many images a split, for a try.", min=8)
    skip_unreadable: bool = _option(False, DATA, "Go on without images that cannot be decoded, and list them.")
    drop_leaks: bool = _option(
        False, DATA, "Beside the table, one without the test images whose pixels stand in train or valid."
    )
    preset: str = _option("quick", RECIPE, PRESET_HELP, metavar="|".join(PRESETS))
    backbone: list[str] | None = _option(
        None,
        RECIPE,
        "Backbone of first_model and chained_model: resnet50, mobilenet_v2, keras_file, or any plugin's (see "
        "`ensemblekit plugins`); default: the preset's.",
        metavar="NAME",
    )
    weights: list[str] | None = _option(
        None,
        RECIPE,
        "Its weights: auto (ImageNet, cached or downloaded; random where there are none, and the table says so), "
        "imagenet, none, or a file.",
        metavar="VALUE",
    )
    image_size: int | None = _option(None, RECIPE, "Pixels a side; default: the preset's.", min=32)
    epochs: int | None = _option(
        None,
        RECIPE,
        "Most epochs of the three networks; default: the preset's. The trained ensembles always have 100.",
        min=1,
    )
    batch: int | None = _option(None, RECIPE, "Images a step; default: 32.", min=1)
    views: str | None = _option(
        None,
        RECIPE,
        "How many augmented views of each training image are drawn, once, and cycled through the epochs; or "
        "[bold]fresh[/bold]: a new view at each epoch, as in the study. Default: the preset's.",
        metavar="K|fresh",
    )
    precision: str | None = _option(
        None,
        RECIPE,
        "What the custom CNN computes in while it is trained on K views; default: float32. auto: bfloat16 where the "
        "processor multiplies it (AMX), which is faster and gives other figures.",
        metavar="|".join(PRECISIONS),
    )
    head_l2: float | None = _option(
        None,
        RECIPE,
        "Weight of the squared penalty on the dense layers of the heads of the three networks, against overfitting; "
        "default: 0, as in the study.",
        min=0,
        metavar="VALUE",
    )
    also: list[str] | None = _option(
        None,
        RECIPE,
        "Add the row ensemble_bagging or ensemble_boosting: ten heads on the frozen backbone; repeatable. The study "
        "names both and trains neither.",
        metavar="|".join(TECHNIQUES),
    )
    seed: int = _option(0, RECIPE, "Of everything that is drawn.", min=0)
    repeats: int = _option(
        1,
        RECIPE,
        "Run the recipe with so many seeds, from --seed on, and add a table of mean and spread.",
        min=1,
        metavar="N",
    )
    deterministic: bool = _option(
        False,
        RECIPE,
        "Let TensorFlow use deterministic operations alone: the same seed gives the same figures to the bit, on the "
        "same machine.",
    )
    bank: Path | None = _option(
        None, OUTPUT, "Folder of the feature bank; default: features, in the user's cache.", metavar="FOLDER"
    )
    out: Path | None = _option(
        None,
        OUTPUT,
        "Folder of the results; default: a new one, results/ctscan-WHICH-DATE-TIME.",
        metavar="FOLDER",
    )
    overwrite: bool = _option(False, OUTPUT, "Replace the results of an earlier run in --out.")
    resume: bool = _option(
        False,
        OUTPUT,
        "Go on with the run in --out, from its last finished piece: after a kill, Ctrl-C, or a full disk.",
    )

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_used()
        if self.resume and self.out is None:
            raise InvalidOptionError(
                "--resume goes on with the run in a folder; received no folder. Give it with --out."
            )
        self._check_backbones()
        folder = f"ctscan-{Path(self.data).resolve().name}-{time.strftime('%Y%m%d-%H%M%S')}"
        defaults = {"out": Path("results") / folder, "weights": [], "alias": []} | PRESETS[self.preset][1]
        if self.preset != BEST:
            defaults = RECIPE_DEFAULTS | defaults
        for name, value in defaults.items():
            if getattr(self, name) is None or getattr(self, name) == []:
                object.__setattr__(self, name, value)  # frozen from here on
        _ = self.preset == BEST or self.n_views, self.aliases  # refused now, not in the middle of a run

    def _check_choices(self) -> None:
        given = {"preset": [self.preset], "precision": [self.precision or PRECISIONS[0]], "also": self.also or []}
        for (name, values), choices in zip(given.items(), (PRESETS, PRECISIONS, TECHNIQUES), strict=True):
            for value in values:
                if value not in choices:
                    raise InvalidOptionError(f"--{name} must be one of {', '.join(choices)}; received {value!r}.")

    def _check_used(self) -> None:
        """Refuse what the preset ``best`` would ignore: it trains no network."""
        given = [name for name in OF_NETWORKS if getattr(self, name) not in (None, [])]
        if self.preset == BEST and given:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise InvalidOptionError(
                f"the preset {BEST!r} trains no network and has no use for {options}; leave "
                f"{'it' if len(given) == 1 else 'them'} out, or give another --preset."
            )

    def _check_backbones(self) -> None:
        names, weights = self.backbone or [], self.weights or []
        if self.preset != BEST and (len(names) > 1 or len(weights) > 1):
            raise InvalidOptionError(
                f"the preset {self.preset!r} uses one backbone; received --backbone {', '.join(names) or 'none'} and "
                f"--weights {', '.join(weights) or 'none'}."
            )
        if self.preset == BEST and weights and len(weights) != len(names):
            raise InvalidOptionError(
                f"the preset {BEST!r} takes one --weights for each --backbone, in their order, or none; received "
                f"{len(names)} --backbone and {len(weights)} --weights."
            )

    @property
    def backbones(self) -> tuple[tuple[str, str | None], ...]:
        """Name and weights of each backbone; every preset but ``best`` has one."""
        assert self.backbone  # noqa: S101 - the preset has given it
        return tuple(zip(self.backbone, self.weights or [None] * len(self.backbone), strict=True))

    @property
    def preprocessing(self) -> str:
        """How the input of the backbone is prepared."""
        return "study" if self.preset == "published" else "imagenet"

    @property
    def n_views(self) -> int | None:
        """Number of views of each training image; None where each epoch draws new ones."""
        value = self.views or ""
        if value == "fresh":
            return None
        if not value.isascii() or not value.isdigit() or int(value) < 1:
            raise InvalidOptionError(f"--views must be a whole number >= 1, or fresh; received {value!r}.")
        return int(value)

    @property
    def aliases(self) -> dict[str, str]:
        """Class folder -> common name: those of the CT set, then those that were given."""
        aliases = dict(CT_ALIASES)
        for pair in self.alias or []:
            old, equals, new = pair.partition("=")
            if not (old and equals and new):
                raise InvalidOptionError(f"--alias must be CLASS_FOLDER=COMMON_NAME; received {pair!r}.")
            aliases[old] = new
        return aliases


def command_signature() -> inspect.Signature:
    """Return a signature with an option for each field of `Settings`, as typer reads it."""
    parameters = []
    for field in dataclasses.fields(Settings):
        flag = [f"--{field.name.replace('_', '-')}"] if field.type is bool else []  # without --no-...
        annotation = Annotated[field.type, typer.Option(*flag, **field.metadata)]
        parameters.append(
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
        )
    return inspect.Signature(parameters)
