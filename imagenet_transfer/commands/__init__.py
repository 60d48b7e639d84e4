"""What can be had without a study and without Snakemake, from the command line."""
