"""The one exception whose text is meant for users."""


class UserError(Exception):
    """Something the user can mend: the text names the file or key, what is wrong, what to do."""
