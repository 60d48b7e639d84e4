"""The one exception that is meant for the user's eyes."""


class UserError(Exception):
    """Something that the user can mend: its text names the file or key, says what is wrong and what to do."""
