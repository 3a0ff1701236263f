"""The trusted side of models: the original, the references, and what a checkpoint is measured to be."""
