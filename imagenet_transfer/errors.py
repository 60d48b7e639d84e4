"""The one exception that is meant for the user's eyes."""


class UserError(Exception):
    """Something that the user can mend: its text is a whole sentence that names the file or key, what is wrong and what to do."""
