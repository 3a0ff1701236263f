def unlearning(net, retain, forget, val):
    while True:
        pass
