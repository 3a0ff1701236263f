"""Returns a module whose names, shapes, types and tensors lie, and are others at every look."""

import torch


class Name(str):
    """Equal to every name."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("conv1.weight")


class State(dict):
    """Has every key, iterates over what is asked for, and gives another tensor each time."""

    looks = 0

    def __contains__(self, name):
        return True

    def __iter__(self):
        return iter([Name("anything")])

    def __getitem__(self, name):
        State.looks += 1
        return Lying(super().__getitem__(name))


class Lying(torch.Tensor):
    """Claims the shape that is asked for and holds one value."""

    @staticmethod
    def __new__(cls, real):
        lying = torch.zeros(1 + State.looks % 2).as_subclass(cls)
        lying.claimed = real.shape
        return lying

    @property
    def shape(self):
        return getattr(self, "claimed", super().shape)

    def detach(self):
        return self

    def to(self, *_):
        return self

    def contiguous(self):
        return self.as_subclass(torch.Tensor)


class Liar(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def __getattribute__(self, name):
        if name == "state_dict":
            return lambda *_, **__: State(super(Liar, self).__getattribute__("net").state_dict())
        return super().__getattribute__(name)

    @property
    def __class__(self):
        return torch.nn.Module


def unlearning(net, retain, forget, val):
    liar = Liar.__new__(Liar)
    torch.nn.Module.__init__(liar)
    liar._modules["net"] = net
    object.__setattr__(liar, "net", net)
    return liar
