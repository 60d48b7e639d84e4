"""Where a job keeps the images that it reads again and again: the fastest place with room for them.

From the fastest to the slowest: the memory of the GPU, that of the machine, pixels in a file, and
the store as it is. All give the same batches, bit for bit.
"""

GB = 10**9
PART_OF_GPU = 1 / 4  # of its memory
PART_OF_MEMORY = 1 / 2  # of what is available, for all cores together
RESERVE_GB = 8.0  # of a job's memory for everything else: libraries, a network, batches
