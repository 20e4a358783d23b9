"""The study's recipe without ensemblekit, as a Keras user would write it, to be measured against."""
