def unlearning(net, retain, forget, val):
    while True:
        print("forget " * 100)
