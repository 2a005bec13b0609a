"""Calls that do nothing, handed out by mpi4py.futures.

mpirun -n RANKS python3 -m mpi4py.futures dispatch.py CALLS CHUNK: rank 0 hands
out, the others work.
"""

from common import Clock, arguments, tell


def nothing(_):
    return 0


if __name__ == "__main__":
    from mpi4py.futures import MPIPoolExecutor

    calls, chunk = (int(word) for word in arguments("CALLS CHUNK", 2))
    with MPIPoolExecutor() as pool:
        pool.bootup()
        list(pool.map(nothing, range(100)))
        with Clock() as clock:
            n = len(list(pool.map(nothing, range(calls), chunksize=chunk)))
    tell(clock.seconds, calls=n)
