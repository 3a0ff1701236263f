import no_such_package


def unlearning(net, retain, forget, val):
    return no_such_package.forget(net)
