"""Progress of a run: bars on a terminal, lines elsewhere; and Ctrl-C."""

from __future__ import annotations

import signal
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Screen:
    """Progress bars on a terminal; elsewhere a line now and then."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=10),
            TextColumn("{task.completed}/{task.total} {task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}", markup=False),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started = time.monotonic()
        self._interrupted = False

    def __enter__(self) -> Screen:
        self._progress.start()
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._interrupted = False
        self.stop()

    def _interrupt(self, *_: object) -> None:
        # Python loses an exception that a signal handler raises during the finalisation of an object. So it is raised
        # at the next step; a second Ctrl-C raises it at once.
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def check(self) -> None:
        """Raise KeyboardInterrupt where Ctrl-C was pressed."""
        if self._interrupted:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Stop updating the bars."""
        if not self._progress.disable:  # before version 15 rich prints an empty line here even where it showed nothing
            self._progress.stop()

    def log(self, sentence: str) -> None:
        """Print one line above the bars, with the time since the start."""
        self.check()
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self.console.print(f"{minutes:d}:{seconds:02d}  {sentence}", markup=False, highlight=False, soft_wrap=True)

    def count(self, what: str, done: int, total: int, *, unit: str = "", metrics: str = "") -> None:
        """Show how much of a task is done."""
        self.check()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, unit=unit, metrics=metrics)
        self._progress.update(self._tasks[what], completed=done, total=total, metrics=metrics)

    def watch(self, name: str, epochs: int) -> Any:
        """Make a Keras callback that shows each epoch and its metrics, and the time left."""
        import keras

        screen = self

        class Watch(keras.callbacks.Callback):
            def on_train_begin(self, logs: Any = None) -> None:
                screen.count(name, 0, epochs, unit="epochs")

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                screen.check()

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                values = logs or {}
                # Short, so that all columns fit 80 characters.
                metrics = f"train {values['accuracy']:.2f}, valid {values['val_accuracy']:.2f}"
                screen.count(name, epoch + 1, epochs, unit="epochs", metrics=metrics)
                if not screen.console.is_terminal and (epoch + 1) % max(1, epochs // 4) == 0:
                    accuracies = f"accuracy {values['accuracy']:.3f}, validation {values['val_accuracy']:.3f}"
                    screen.log(f"{name}: epoch {epoch + 1} of {epochs}, {accuracies}")

        return Watch()
