"""What makes ImageNet good for transfer learning? Huh, Agrawal & Efros (2016) as a library."""

__version__ = "0.5.0"
