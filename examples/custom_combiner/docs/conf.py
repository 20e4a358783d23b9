"""The documentation of the example: every plugin of the distribution gets a page."""

project = "ensemblekit-confident-mean"
extensions = ["ensemblekit.sphinx"]
ensemblekit_distributions = ["ensemblekit-confident-mean"]
