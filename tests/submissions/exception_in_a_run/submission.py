def unlearning(net, retain, forget, val):
    return net / (1 // 0)
