"""An entry point with more parameters than four, made by `partial` and a decorator."""

import functools

import torch

learning_rate = 1e-4
steps = 2
TABLE = {name: k for k, name in enumerate("abc")}


def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@timed
def _unlearn(scale, model, retain_loader, forget_loader, val_loader, /, learning_rate, device, *, steps, clip=1.0):
    assert str(device) == str(next(model.parameters()).device)
    assert (scale, learning_rate, steps, clip) == (0.5, 1e-4, 2, 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=scale * learning_rate)
    for _, (x, y) in zip(range(steps), retain_loader):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x.to(device)), y.to(device)).backward()
        optimizer.step()
    return model


unlearning = functools.partial(_unlearn, 0.5)

if __name__ == "__main__":
    raise SystemExit("only where this is the main program")
