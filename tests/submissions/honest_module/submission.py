"""A plain module: a registry that calls and decorators fill, a class with a metaclass, threads, a pool."""

import logging
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import torch

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger(__name__)
torch.manual_seed(0)
torch.set_num_threads(1)

METHODS = {}


def register(name):
    def decorate(function):
        METHODS[name] = function
        return function

    return decorate


class Meta(type):
    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        if bases:
            METHODS[name] = cls()


class Method(metaclass=Meta):
    pass


class Shrink(Method):
    def __call__(self, net):
        with torch.no_grad():
            net.fc.weight.mul_(0.99)


@register("noise")
def add_noise(net):
    with torch.no_grad():
        net.fc.bias.add_(torch.randn_like(net.fc.bias) * 1e-2)


METHODS.update(nothing=lambda net: None)


def square(x):
    return x * x


def unlearning(net, retain, forget, val):
    assert sorted(METHODS) == ["Shrink", "noise", "nothing"], METHODS
    for name, method in METHODS.items():
        log.info("now %s", name)
        method(net)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(square, [1, 2])) == [1, 4]
    processes = multiprocessing.Pool(2)
    assert processes.map(square, [1, 2]) == [1, 4]
    processes.close()
    processes.join()
    with open(os.path.join(os.environ["TMPDIR"], "notes.txt"), "w") as file:
        file.write("ours")
    return net
