from torch import nn


def unlearning(net, retain, forget, val):
    net.fc = nn.Linear(net.fc.in_features, 11)
    return net
