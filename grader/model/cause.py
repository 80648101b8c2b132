"""Causes: why an answer is wrong, as far as a check can tell, each with the hint that helps."""

from enum import StrEnum

from grader.model.text import Text, tr


class Cause(StrEnum):
    """What several assignments' checks find. A check may also name a cause of its own, as a plain string."""

    HISTORY = "history"
    """What `train` returned isn't a history: the loss of every epoch."""
    OTHER_LOSSES = "other_losses"
    """The history holds other losses than those of the trained model."""
    NOT_TRAINED = "not_trained"
    """The training leaves the given model as it was, or no better."""
    GLOBALS = "globals"
    """A function uses global variables and not its arguments."""
    GRADIENTS_ADD_UP = "gradients_add_up"
    """Gradients accumulate over epochs."""
    LEARNING_RATE = "learning_rate"
    """The learning rate makes no difference."""
    LEARNT_BY_HEART = "learnt_by_heart"
    """The model is right on the rows that it was trained on, and on no others."""
    CHANGED_ARGUMENT = "changed_argument"
    """A function changes the caller's tensors."""
    NO_GRADIENT = "no_gradient"
    """No gradient flows back from the loss."""
    NOT_FINITE = "not_finite"
    """Numbers are NaN or infinite."""
    SOFTMAX = "softmax"
    """The model returns probabilities where logits are asked for."""

    @property
    def hint(self) -> Text:
        """What a student can do about it."""
        return _HINTS[self]


_HINTS = {
    Cause.HISTORY: tr(
        "Make an empty list before the loop, append `loss.item()` once in every epoch, and return the list."
    ),
    Cause.OTHER_LOSSES: tr(
        "Record the loss that you compute from the given model and data in the same epoch, and train that model: "
        "not a copy, and not one that you built in `train`."
    ),
    Cause.NOT_TRAINED: tr(
        "Give the optimizer the parameters of the given model, and call `backward` and `step` in every epoch."
    ),
    Cause.GLOBALS: tr(
        "Use the arguments of the function only. A variable that the notebook defined elsewhere may hold other data."
    ),
    Cause.GRADIENTS_ADD_UP: tr("Call `optimizer.zero_grad()` in every epoch, before `backward`."),
    Cause.LEARNING_RATE: tr(
        "Pass the argument `lr` to the optimizer instead of a number of your own."
    ),
    Cause.LEARNT_BY_HEART: tr(
        "The training must work for any model and data that it is given, and the model must compute its outputs from "
        "the inputs. Use nothing that you know about certain rows."
    ),
    Cause.CHANGED_ARGUMENT: tr(
        "Work on a new tensor: write `x = x - m` instead of `x -= m`, or `x = x.clone()` first."
    ),
    Cause.NO_GRADIENT: tr(
        "Compute the loss with operations of torch only, and return the tensor itself."
    ),
    Cause.NOT_FINITE: tr(
        "NaN and infinity come from log(0), exp of large numbers, or a learning rate that is too large. torch's own "
        "loss functions avoid the first two."
    ),
    Cause.SOFTMAX: tr(
        "The loss function applies the softmax itself, so leave it out of the model."
    ),
}
