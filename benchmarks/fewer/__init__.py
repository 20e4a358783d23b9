"""The parts of `cascades.py` and `fewer_models.py`: CT images through backbones, and repeated trials."""
