"""A worker that ends the way its job says: the real processes behind the tests of harness.process."""

import json
import os
import signal
import sys
import time

job = json.load(sys.stdin)
channel = os.fdopen(int(sys.argv[1]), "w", 1)
print("noise on standard output that must not be taken for a result")
for step in range(job.get("steps", 0)):
    channel.write(json.dumps({"event": "progress", "done": step, "total": job["steps"], "what": "step"}) + "\n")
if job["do"] == "result":
    channel.write(json.dumps({"event": "result", "payload": {"answer": job["answer"]}}) + "\n")
elif job["do"] == "error":
    channel.write(json.dumps({"event": "error", "reason": "ValueError: no such layer"}) + "\n")
    sys.exit(1)
elif job["do"] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif job["do"] == "segfault":
    print("about to touch address 0", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
elif job["do"] == "exit":
    print("the library says: out of luck" + job.get("words", ""), file=sys.stderr, flush=True)
    sys.exit(3)
elif job["do"] == "take a turn":
    from harness.gate import wait_for_turn

    reached = time.monotonic()
    wait_for_turn(job.get("gate"))
    let_in = time.monotonic()
    time.sleep(0.05)
    channel.write(json.dumps({"event": "result", "payload": {
        "pid": os.getpid(), "reached": reached, "let_in": let_in, "left": time.monotonic()}}) + "\n")
elif job["do"] == "hang":
    time.sleep(600)
elif job["do"] == "hang with a child":
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
elif job["do"] == "send":
    os.write(channel.fileno(), bytes.fromhex(job["bytes"]))
    if job.get("stay"):
        os.close(channel.fileno())
        time.sleep(600)
elif job["do"] == "flood":
    while True:
        os.write(channel.fileno(), b"x" * (1 << 20))
elif job["do"] == "result, then":
    channel.write(json.dumps({"event": "result", "payload": {"answer": 1}}) + "\n")
    if job["then"] == "hang at exit":
        import atexit

        atexit.register(time.sleep, 600)
    elif job["then"] == "thread":
        import threading

        threading.Thread(target=time.sleep, args=(600,)).start()
    elif job["then"] == "child with the pipe":
        if os.fork() == 0:
            time.sleep(600)
    elif job["then"] == "child in a session of its own":
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            os.write(writer, b"!")
            time.sleep(600)
        os.read(reader, 1)  # it has left the group by now
    elif job["then"] == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif job["then"] == "garbage":
        os.write(channel.fileno(), b"\xff\x00{]\n")
elif job["do"] == "child with the pipe, then die":
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGSEGV)
