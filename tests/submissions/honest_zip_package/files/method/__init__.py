from .unlearner import Unlearner

__all__ = ["Unlearner"]
