"""Audits: other attacks on the same models, reported beside the official number and never mixed into it.

Each answers one doubt about the official epsilon: does it owe anything to its grid (`exact_interval_attack`),
to taking the largest of many (`held_out_attack`), to the shape of its rules (`likelihood_ratio_attack`), to
looking at the forget set alone (`margin_divergence`), to knowing many models (`logistic_loss_attack`), to
chance (`bounded_epsilons`)? All take the confidences of N unlearned models and of N references, but for the
loss attack, which takes the losses of either.
"""

from scoring.audits.bounded_epsilon import BoundedEpsilons, bounded_epsilons
from scoring.audits.exact_intervals import ExactIntervals, exact_interval_attack
from scoring.audits.held_out import HeldOut, held_out_attack
from scoring.audits.klom import MarginDivergence, margin_divergence
from scoring.audits.likelihood_ratio import LikelihoodRatio, likelihood_ratio_attack
from scoring.audits.loss_attack import LossAttack, cross_entropy_losses, logistic_loss_attack

__all__ = [
    "BoundedEpsilons",
    "ExactIntervals",
    "HeldOut",
    "LikelihoodRatio",
    "LossAttack",
    "MarginDivergence",
    "bounded_epsilons",
    "cross_entropy_losses",
    "exact_interval_attack",
    "held_out_attack",
    "likelihood_ratio_attack",
    "logistic_loss_attack",
    "margin_divergence",
]
