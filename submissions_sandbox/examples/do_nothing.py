"""The floor: return the original network, which still remembers everything."""


def unlearning(net, retain, forget, val):
    return net
