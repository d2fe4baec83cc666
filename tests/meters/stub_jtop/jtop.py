"""A stand-in for the jetson-stats client, found by the child process through PYTHONPATH.

FAKE_JTOP: "", "inactive", "early-end", "lost". FAKE_JTOP_SERVER_S: the interval the server really keeps.
Like newer releases it changes the multiprocessing start method of whoever imports it.
"""

import multiprocessing
import os
import time

multiprocessing.set_start_method("fork", force=True)
MODE = os.environ.get("FAKE_JTOP", "")


class JtopException(Exception):  # noqa: N818
    pass


class jtop:  # noqa: N801
    def __init__(self, interval=1.0):
        self.interval_user = interval
        self.interval = float(os.environ.get("FAKE_JTOP_SERVER_S", "0") or interval) or interval
        self._answers = 0

    def start(self):
        if MODE == "inactive":
            raise JtopException("The jtop.service is not active. Please run:\nsudo systemctl restart jtop.service")

    def close(self):
        pass

    def ok(self):
        self._answers += 1
        if self._answers > 1 and self.interval > 3 * self.interval_user:
            return False  # the real client is cut off silently
        if self._answers > 4 and MODE == "early-end":
            return False
        if self._answers > 4 and MODE == "lost":
            raise JtopException("Lost connection with jtop server")
        time.sleep(min(self.interval_user, 0.02))
        return True

    power = {"rail": {"POM_5V_GPU": {"power": 78, "online": True}, "POM_5V_CPU": {"power": 275, "online": True}},
             "tot": {"power": 2132, "name": "POM_5V_IN"}}
    memory = {"RAM": {"tot": 4059144, "used": 1694720}}
    temperature = {"CPU": {"temp": 36.5, "online": True}, "PMIC": {"temp": 100.0, "online": True},
                   "GPU": {"temp": -256.0, "online": False}}
    gpu = {"gpu": {"status": {"load": 12.0}, "freq": {"cur": 76800}}}
