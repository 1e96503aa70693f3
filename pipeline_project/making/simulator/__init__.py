"""A camera in numbers: how sharp, blurred and moiré-ridden pictures come about.

`drawn` makes patterns that look like defects and are none, `lens` blurs, `screen` and `aliasing`
make moiré, `sensor` samples light as a camera does, `delivery` compresses, and `examples` puts
them together into labelled pictures.
"""
