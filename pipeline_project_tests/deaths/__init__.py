"""Every way in which a run with `on: aws` can die, really done on the bed: is the box stopped?"""
