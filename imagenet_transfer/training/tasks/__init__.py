"""The tasks that networks are trained for, as `training.loop` takes them."""
