"""Puts a file system of one file (FUSE) over a file, which hands a source through, or hangs: hung.py SOURCE TARGET.

It reads commands from standard input, and answers each with a number. `hang stat`, `hang read` and `hang end`, which lets the first
bytes be read, hold requests up, and `go on` ends that; `held` and these say how many requests are held up. `claim nothing` makes it say that the file is empty, as
those of /proc do. `handed` says how many bytes were read. It ends with its standard input; whoever still waits gets an error.
"""

import os
import select
import struct
import subprocess
import sys

GETATTR, OPEN, READ, RELEASE, FLUSH, INIT = 3, 14, 15, 18, 25, 26
UNANSWERED = {2: "FORGET", 36: "INTERRUPT", 42: "BATCH_FORGET"}
ENOSYS = 38
HANGS = {"hang stat": (GETATTR, 0), "hang read": (READ, 0), "hang end": (READ, 1), "go on": None}

source, target = sys.argv[1:]
claims_nothing = False
handed = 0


def attributes():
    at = os.stat(source)
    seconds, nanoseconds = divmod(at.st_mtime_ns, 10**9)
    times = (seconds,) * 3 + (nanoseconds,) * 3
    size = 0 if claims_nothing else at.st_size
    # Nothing may be kept: the kernel asks each time.
    return struct.pack("<QII QQQ QQQ III IIIIIII", 0, 0, 0, 1, size, 0, *times, at.st_mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, body):
    global handed
    if opcode == INIT:
        major, minor = 7, 31
        return struct.pack("<IIIIHHIIHHI28x", major, minor, 65536, 0, 0, 0, 65536, 1, 16, 0, 0)
    if opcode == GETATTR:
        return attributes()
    if opcode == OPEN:
        direct_io = 1
        return struct.pack("<QII", 0, direct_io, 0)
    if opcode == READ:
        _, offset, size = struct.unpack_from("<QQI", body)
        with open(source, "rb") as file:
            file.seek(offset)
            data = file.read(size)
            handed += len(data)
            return data
    return b"" if opcode in (RELEASE, FLUSH) else None


def is_held(hangs, opcode, body):
    offset = struct.unpack_from("<QQ", body)[1] if opcode == READ else 0
    return hangs is not None and opcode == hangs[0] and offset >= hangs[1]


def reply(fuse, unique, opcode, body):
    data = answer(opcode, body)
    error = -ENOSYS if data is None else 0
    data = data or b""
    os.write(fuse, struct.pack("<IiQ", 16 + len(data), error, unique) + data)


def main():
    global claims_nothing
    fuse = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fuse},rootmode=100000,user_id={os.getuid()},group_id={os.getgid()}"
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "hung", target], check=True, pass_fds=[fuse])
    print("mounted", flush=True)
    hangs, held = None, []
    try:
        while True:
            readable, _, _ = select.select([fuse, 0], [], [])
            if fuse in readable:
                request = os.read(fuse, 1 << 17)
                _, opcode, unique = struct.unpack_from("<IIQ", request)
                body = request[40:]
                if is_held(hangs, opcode, body):
                    held.append((unique, opcode, body))
                elif opcode not in UNANSWERED:
                    reply(fuse, unique, opcode, body)
            if 0 in readable:
                command = sys.stdin.readline().strip()
                if not command:
                    return
                if command in HANGS:
                    hangs = HANGS[command]
                    if hangs is None:
                        for request in held:
                            reply(fuse, *request)
                        held = []
                claims_nothing |= command == "claim nothing"
                print(handed if command == "handed" else len(held), flush=True)
    finally:
        subprocess.run(["umount", "-l", target], check=False)


try:
    main()
except (OSError, subprocess.CalledProcessError) as error:
    print(f"not mounted: {error}", flush=True)
