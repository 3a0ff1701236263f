def unlearning(net, retain, forget, val):
    return "the net"
