"""What the convolutional network computes in while it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["PRECISIONS", "in_bfloat16", "multiplies_bfloat16"]

PRECISIONS = ("auto", "float32", "bfloat16")


def multiplies_bfloat16(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether the processor multiplies matrices of bfloat16 (AMX); where it does not, bfloat16 is no faster."""
    try:
        return "amx_bf16" in processor.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return False


def in_bfloat16(model: Any) -> Any:
    """Copy a model so that it computes in bfloat16, with weights and output in float32.

    Parameters
    ----------
    model : keras.Model
        Functional; it is not changed.

    Returns
    -------
    keras.Model
        With equal weights, in the same order.
    """
    import keras

    output = model.layers[-1].name

    def copy(operation: Any) -> Any:
        config = operation.get_config()
        if isinstance(operation, keras.Layer) and operation.name != output:
            config["dtype"] = "mixed_bfloat16"
        return type(operation).from_config(config)

    copied = keras.models.clone_model(model, clone_function=copy, recursive=True)
    copied.set_weights(model.get_weights())
    return copied
