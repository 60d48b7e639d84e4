"""The tasks that networks are trained for; each brings jobs for `training.train`."""
